"""Mixed traffic: good and hostile requests of every kind, with their expected answers."""

import contextlib
import random
import socket
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from deployment_check.questions.bad_requests import bad_requests
from load_generator.connections import address, post
from load_generator.known_images import Known, Outcome, parsed

DISCONNECTED = "client went away"  # instead of a status: the client did not wait for one
MAX_BATCH = 8

_OVERLOADED = 503


@dataclass(frozen=True)
class Call:
    """One request."""

    kind: str  # what it is, in the report
    path: str = "/classify"
    options: dict[str, Any] = field(default_factory=dict)
    statuses: frozenset[int] = frozenset({200})  # that it may get, beside 503
    check: Callable[[Any], bool] = bool  # whether a 200's JSON is right
    method: str = "POST"

    def request(self, url: str) -> bytes:
        """The whole request to a server."""
        made = httpx.Request(self.method, url + self.path, **self.options)
        lines = [
            b"%b %b HTTP/1.1" % (made.method.encode(), made.url.raw_path),
            *(b"%b: %b" % header for header in made.headers.raw),
        ]
        return b"\r\n".join([*lines, b"", made.read()])

    def judged(self, status: int, body: bytes) -> tuple[Outcome, str]:
        """The outcome, and its details if the answer is not right."""
        text = f"{self.kind}: {status} {body[:200].decode(errors='replace')}"
        if status == _OVERLOADED:
            return Outcome.REFUSED, text
        is_right = status in self.statuses and (status != 200 or self.check(parsed(body)))
        return (Outcome.RIGHT, "") if is_right else (Outcome.WRONG, text)


def good(images: Sequence[Known]) -> Call:
    """A request that must be answered, of a random kind."""
    known, some = random.choice(images), random.choices(images, k=random.randint(1, MAX_BATCH))
    form = {"files": {"image": ("image", known.image)}, "data": {"top_k": "1"}}
    texts = {"images": [each.base64 for each in some], "top_k": 1}
    return random.choice(
        [
            Call("classify, form", options=form, check=known.is_right),
            Call("classify, body", options={"content": known.image}, check=known.is_right),
            Call(
                "classify, JSON",
                options={"json": {"image": known.base64, "top_k": 2}},
                check=known.is_right,
            ),
            batch_form(some),
            Call("batch, JSON", "/classify_batch", {"json": texts}, check=_in_order(some)),
            Call(
                "health",
                "/health",
                check=lambda answer: bool(answer["status"] == "healthy"),
                method="GET",
            ),
        ]
    )


def batch_form(chosen: Sequence[Known]) -> Call:
    """Some of the images in one request."""
    options = {"files": [("images", ("image", known.image)) for known in chosen]}
    return Call("batch, form", "/classify_batch", options, check=_in_order(chosen))


def _in_order(chosen: Sequence[Known]) -> Callable[[Any], bool]:
    def is_right(answer: Any) -> bool:
        results = answer["results"]
        return len(results) == len(chosen) and all(
            known.is_right(result) for known, result in zip(chosen, results, strict=True)
        )

    return is_right


def hostile(images: Sequence[Known]) -> Call:
    """A request that must be refused, of a random kind."""
    image, random_path = random.choice(images).image, f"/{random.getrandbits(64):x}"
    no_image, refused = frozenset({415, 422}), frozenset({400})
    known = [
        Call(name, bad.path, bad.options, frozenset({bad.status}), method=bad.method)
        for name, bad in bad_requests().items()
        if not bad.limit
    ]
    return random.choice(
        [
            *known,
            Call("half of an image", "/classify", {"content": image[: len(image) // 2]}, no_image),
            Call("random bytes", "/classify", {"content": random.randbytes(500)}, no_image),
            Call("JSON of wrong type", "/classify", {"json": {"image": 5}}, refused),
            Call("URL in JSON", "/classify", {"json": {"image": "http://127.0.0.1/x"}}, refused),
            Call("random path", random_path, {}, frozenset({404})),
            Call(DISCONNECTED, options={"content": image}, statuses=frozenset()),
        ]
    )


def disconnect(url: str, image: bytes) -> None:
    """Send a request, or half of one, and disconnect without waiting for the answer."""
    request = post("/classify", image)
    head = len(request) - len(image)
    with contextlib.suppress(OSError), socket.create_connection(address(url), 5) as client:
        if random.random() < 0.5:  # a reset instead of an orderly end
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.sendall(request[: random.choice((10, head, len(request) - 5, len(request)))])
