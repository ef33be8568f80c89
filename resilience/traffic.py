"""Mixed traffic: good and hostile requests of every kind, each with its expected answer."""

import contextlib
import random
import socket
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from load_generator.connections import address, post
from load_generator.known_images import Known

DISCONNECTED = "client went away"
"""Instead of a status: the client did not wait for one."""

MAX_BATCH = 8

Check = Callable[[Any], bool]


@dataclass(frozen=True)
class Call:
    kind: str  # what it is, in the report
    path: str
    options: dict[str, Any] = field(default_factory=dict)
    statuses: frozenset[int] = frozenset({200})  # that it may be answered with, beside 503
    check: Check = bool  # whether a 200's JSON is right
    method: str = "POST"

    def request(self, url: str) -> bytes:
        made = httpx.Request(self.method, url + self.path, **self.options)
        lines = [
            b"%b %b HTTP/1.1" % (made.method.encode(), made.url.raw_path),
            *(b"%b: %b" % header for header in made.headers.raw),
        ]
        return b"\r\n".join([*lines, b"", made.read()])


def good(images: Sequence[Known]) -> Call:
    """A request that must be answered, of a random kind."""
    return random.choice(_GOOD)(images)


def hostile(images: Sequence[Known]) -> Call:
    """A request that must be refused, of a random kind."""
    image = random.choice(images).image
    kind, path, options, statuses = random.choice(_hostile_calls(image))
    method = "PUT" if kind == "wrong method" else "POST"
    return Call(kind, path, options, frozenset(statuses), lambda _: False, method)


def disconnect(url: str, image: bytes) -> None:
    """Send a request, or half of one, and go away without waiting for its answer."""
    request = post("/classify", image)
    head = len(request) - len(image)
    with contextlib.suppress(OSError), socket.create_connection(address(url), 5) as client:
        if random.random() < 0.5:  # a reset instead of an orderly end
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.sendall(request[: random.choice((10, head, len(request) - 5, len(request)))])


def _classify_form(images: Sequence[Known]) -> Call:
    known = random.choice(images)
    options = {"files": {"image": ("image", known.image)}, "data": {"top_k": "1"}}
    return Call("classify, form", "/classify", options, check=known.is_right)


def _classify_body(images: Sequence[Known]) -> Call:
    known = random.choice(images)
    return Call("classify, body", "/classify", {"content": known.image}, check=known.is_right)


def _classify_json(images: Sequence[Known]) -> Call:
    known = random.choice(images)
    options = {"json": {"image": known.base64, "top_k": 2}}
    return Call("classify, JSON", "/classify", options, check=known.is_right)


def _batch_form(images: Sequence[Known]) -> Call:
    chosen = _some(images)
    options = {"files": [("images", ("image", known.image)) for known in chosen]}
    return Call("batch, form", "/classify_batch", options, check=_in_order(chosen))


def _batch_json(images: Sequence[Known]) -> Call:
    chosen = _some(images)
    options = {"json": {"images": [known.base64 for known in chosen], "top_k": 1}}
    return Call("batch, JSON", "/classify_batch", options, check=_in_order(chosen))


def _health(images: Sequence[Known]) -> Call:
    def is_ok(answer: Any) -> bool:
        return bool(answer["status"] == "healthy")

    return Call("health", "/health", check=is_ok, method="GET")


_GOOD: tuple[Callable[[Sequence[Known]], Call], ...] = (
    _classify_form,
    _classify_body,
    _classify_json,
    _batch_form,
    _batch_json,
    _health,
)


def _some(images: Sequence[Known]) -> list[Known]:
    return random.choices(images, k=random.randint(1, MAX_BATCH))


def _in_order(chosen: Sequence[Known]) -> Check:
    def is_right(answer: Any) -> bool:
        results = answer["results"]
        return len(results) == len(chosen) and all(
            known.is_right(result) for known, result in zip(chosen, results, strict=True)
        )

    return is_right


def _hostile_calls(image: bytes) -> list[tuple[str, str, dict[str, Any], set[int]]]:
    """Kind, path, options of httpx, and the statuses that refuse it."""
    text = {"content-type": "text/plain"}
    pickled = {"content-type": "application/vnd.bentoml+pickle"}
    return [
        ("truncated image", "/classify", {"content": image[: len(image) // 2]}, {415, 422}),
        ("garbage", "/classify", {"content": random.randbytes(500)}, {415, 422}),
        ("empty body", "/classify", {}, {400}),
        ("wrong content type", "/classify", {"content": image, "headers": text}, {415}),
        ("pickle", "/classify", {"content": image, "headers": pickled}, {415}),
        ("JSON of wrong type", "/classify", {"json": {"image": 5}}, {400}),
        ("broken JSON", "/classify_batch", {"content": b"{", "headers": _JSON}, {400}),
        ("URL in JSON", "/classify", {"json": {"image": "http://127.0.0.1/x.png"}}, {400}),
        ("URL in form", "/classify", {"files": {"image": (None, "http://127.0.0.1/")}}, {400}),
        ("top_k 0", "/classify", {"content": image, "params": {"top_k": "0"}}, {422}),
        ("top_k text", "/classify", {"content": image, "params": {"top_k": "x"}}, {422}),
        ("unknown path", f"/{random.getrandbits(64):x}", {}, {404}),
        ("wrong method", "/classify", {}, {405}),
        (DISCONNECTED, "/classify", {"content": image}, set()),
    ]


_JSON = {"content-type": "application/json"}
