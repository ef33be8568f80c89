"""The whole hostile corpus: every case by its name. Files are made when a case is sent."""

import socket
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import httpx

from hostile import damage
from hostile.images.containers import PNG
from hostile.images.files import UNSUPPORTED
from hostile.requests import calls, protocols
from hostile.requests.calls import Call
from hostile.requests.expected import PAGE, RED, Outcome, outcome_of
from hostile.requests.explanations import to_explain

Case = Callable[[], list[Call]]  # makes the requests of a case

CONCURRENT = 100

LOST = Outcome(0, "connection lost")


def corpus() -> dict[str, Case]:
    """Every case whose requests are sent one after another."""
    single = {
        **calls.with_files(),
        **calls.in_every_form(),
        **{f"content type: {name}": call for name, call in calls.WRONG_TYPES.items()},
        **calls.with_file_names(),
        **calls.BODIES,
        **calls.URLS,
        **to_explain(),
        **{f"pickle {name}": c for name, c in calls.with_pickles_called_otherwise().items()},
    }
    cases: dict[str, Case] = {name: partial(list, (call,)) for name, call in single.items()}
    for name in damage.SOUND:
        cases[f"{name} cut at every 1/{damage.PIECES}"] = _bodies(damage.truncations, name)
        cases[f"{name} with bits turned over"] = _bodies(damage.flips, name)
    cases["files in other servers' protocols"] = protocols.with_files
    cases["tensors that are not what they say"] = protocols.tensors
    cases["pickles to every route, with every type"] = lambda: list(calls.with_pickles().values())
    return cases


def _bodies(make: Callable[[str], list[tuple[bytes, Outcome]]], name: str) -> Case:
    return lambda: [Call(outcome, calls.body(content)) for content, outcome in make(name)]


def ask(client: httpx.Client, call: Call) -> Outcome:
    """Send a request; returns the outcome."""
    try:
        return outcome_of(client.request(call.method, call.path, **call.options()))
    except httpx.TransportError:
        return LOST


def ask_for_good(client: httpx.Client) -> Outcome:
    """Send a good request."""
    return ask(client, Call(RED, calls.body(PNG)))


def shown(outcomes: Iterable[Outcome]) -> str:
    """Outcomes for a table: each once, with its count."""
    counts = Counter(map(str, outcomes))
    if len(counts) == 1 and counts.total() == 1:
        return next(iter(counts))
    return ", ".join(f"{count} × {name}" for name, count in sorted(counts.items()))


def ask_for_urls(url: str) -> tuple[list[Outcome], list[Outcome], int]:
    """Send URLs where images are expected, all at once.

    Returns the expected outcomes, the actual ones, and how many connections to the URLs were made.
    """
    with socket.create_server(("127.0.0.1", 0), backlog=CONCURRENT) as listener:
        sent = _url_calls(f"http://127.0.0.1:{listener.getsockname()[1]}/a.png")
        with ThreadPoolExecutor(CONCURRENT) as threads:
            seen = list(threads.map(lambda call: _ask_alone(url, call), sent))
        return [call.expected for call in sent], seen, _connections(listener)


def _url_calls(target: str) -> list[Call]:
    kinds = [
        Call(calls.INVALID, lambda: {"files": {"image": (None, target)}}),
        Call(calls.INVALID, lambda: {"json": {"image": target}}),
        Call(UNSUPPORTED, calls.body(target.encode())),
        Call(PAGE, lambda: {"json": {"images": [target]}}, "/classify_batch"),
    ]
    return kinds * (CONCURRENT // len(kinds))


def _ask_alone(url: str, call: Call) -> Outcome:
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
        return ask(client, call)


def _connections(listener: socket.socket) -> int:
    listener.settimeout(0.5)
    count = 0
    try:
        while True:
            listener.accept()[0].close()
            count += 1
    except TimeoutError:
        return count
