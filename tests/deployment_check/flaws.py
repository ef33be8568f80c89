"""What may be wrong with a server, and the checks that must notice it."""

from collections.abc import Callable
from typing import Any

from load_generator.known_images import EXPECTED
from tests.deployment_check.flawed import Answer, Asked, Flaw

Spoil = Callable[[Answer], Answer]


def flaw(
    spoil: Spoil,
    path: str = "",
    *,
    query: str = "",
    body: bytes = b"",
    status: int | None = None,
    **headers: str,
) -> Flaw:
    """Spoils answers to a path and of a status, where the request has all the rest in it."""

    def spoilt(asked: Asked, answer: Answer) -> Answer:
        is_meant = path in ("", asked.path) and status in (None, answer.status)
        has_all = query in asked.query and body in asked.body
        for name, text in headers.items():
            has_all = has_all and text in asked.headers.get(name.replace("_", "-"), "")
        return spoil(answer) if is_meant and has_all else answer

    return spoilt


def page(status: int, body: bytes) -> Spoil:
    """Another answer than the server's."""
    return lambda answer: Answer(status, body, answer.headers)


def error(status: int, code: str) -> Spoil:
    return lambda answer: answer.saying({"error": {"code": code, "message": "no"}}, status)


def saying(content: dict[str, Any]) -> Spoil:
    """The server's answer with something in it."""
    return lambda answer: answer.saying(answer.json | content)


def listing(name: str, change: Callable[[list[Any]], list[Any]]) -> Spoil:
    """The server's answer with a list of it changed."""
    return lambda answer: answer.saying(answer.json | {name: change(answer.json[name])})


def reverse(given: list[Any]) -> list[Any]:
    return given[::-1]


def heading(**headers: str) -> Spoil:
    """The server's answer with other headers; an empty one is left out."""

    def spoil(answer: Answer) -> Answer:
        changed = {k.replace("_", "-"): v for k, v in headers.items()}
        kept = {k: v for k, v in {**answer.headers, **changed}.items() if v}
        return Answer(answer.status, answer.body, kept)

    return spoil


GARBAGE = b"this is no image"
GARBAGE_IS_A_500 = flaw(page(500, b"Internal Server Error"), "/classify", body=GARBAGE)
NOTHING_DESCRIBED = {"openapi": "3.1.0", "paths": {"/classify": {}}}
HIDDEN_METRICS = flaw(page(404, b"no"), "/metrics")

FLAWS: dict[str, tuple[Flaw, set[str]]] = {
    "availability": (flaw(error(503, "model_unavailable"), "/readyz"), {"GET /readyz"}),
    "availability, ill": (
        flaw(saying({"status": "unhealthy", "reason": "no model"}), "/health"),
        {"GET /health"},
    ),
    "availability, undescribed": (flaw(saying({"debug": 1}), "/health"), {"GET /health"}),
    "availability, page": (flaw(heading(content_type="text/html"), "/livez"), {"GET /livez"}),
    "availability, no document": (flaw(page(404, b"{}"), "/docs.json"), {"GET /docs.json"}),
    "availability, no metrics": (flaw(page(200, b""), "/metrics"), {"GET /metrics"}),
    "availability, metrics": (flaw(page(500, b"no"), "/metrics"), {"GET /metrics"}),
    "availability, hidden metrics": (HIDDEN_METRICS, set()),
    "known images": (flaw(saying({"architecture": "efficientnet_lite0"}), "/health"), {*EXPECTED}),
    "predictions": (
        flaw(saying({"class_id": 2}), "/classify", body=b'name="file"'),
        {"multipart form, alias file"},
    ),
    "predictions, shape": (
        flaw(
            lambda answer: answer.saying({"predictions": answer.json}),
            status=200,
            content_type="application/json",
        ),
        {"JSON, base64", "JSON, data URI", "top_k"},
    ),
    "predictions, order": (
        flaw(listing("predictions", reverse), "/classify", status=200),
        {"consistent with itself"},
    ),
    "predictions, top_k": (
        flaw(listing("predictions", lambda found: found * 2), query="top_k=2"),
        {"top_k"},
    ),
    "predictions, request id": (flaw(heading(x_request_id="mine")), {"X-Request-ID"}),
    "batches": (
        flaw(listing("results", reverse), "/classify_batch", status=200),
        {"form, in order", "JSON, in order"},
    ),
    "batches, spoilt": (
        flaw(error(415, "unsupported_image"), "/classify_batch", body=GARBAGE),
        {"bad image among good ones"},
    ),
    "odd images and names": (flaw(saying({"confidence": 0.0}), body=b"eXIf"), {"EXIF orientation"}),
    "odd images and names, small": (
        flaw(error(422, "corrupt_image"), body=b"IHDR\0\0\0\1\0\0\0\1"),
        {"1 × 1 pixel"},
    ),
    "odd images and names, paths": (
        flaw(page(500, b"Permission denied"), body=b"etc/passwd"),
        {"file name that leaves the folder"},
    ),
    "errors": (GARBAGE_IS_A_500, {"garbage"}),
    "errors, arrays": (
        flaw(lambda answer: answer.saying([answer.json]), status=422),
        {
            *("truncated JPEG", "20,000 pixels in a row", "deadline of 0", "1,000 images at once"),
            *("top_k of 0", "top_k below 0", "top_k of text"),
        },
    ),
    "errors, code": (
        flaw(error(415, "error"), status=415),
        {
            *("content type of text", "content type of a pickle"),
            *("garbage", "unsupported format (TIFF)"),
        },
    ),
    "errors, allow": (flaw(heading(allow="")), {"wrong method"}),
    "errors, keys": (flaw(page(200, b'{"class_id": 0}'), authorization="wrong"), {"wrong API key"}),
    "errors, deadlines": (
        flaw(page(200, b'{"class_id": 0}'), x_deadline_ms="0"),
        {"deadline of 0"},
    ),
    "response times": (
        flaw(saying({"processing_time": 1000.0}), "/classify", status=200),
        {"20 requests, one after another"},
    ),
}

LOOPS = {"1 client", "closed loop", "open loop, Poisson arrivals"}


def loaded(spoil: Spoil, path: str) -> Flaw:
    """Spoils answers to the load only."""
    return flaw(spoil, path, user_agent="aiohttp")


LOAD_FLAWS: dict[str, tuple[Flaw, set[str], str]] = {
    "wrong": (loaded(saying({"label": "another"}), "/classify"), LOOPS, "failed: 200"),
    "refused": (loaded(error(503, "overloaded"), "/classify"), LOOPS, "refused: 503"),
    "unready": (loaded(page(503, b"no"), "/readyz"), {"ready under load"}, "503 'no'"),
    "unmeasured": (loaded(page(500, b"no"), "/metrics"), {"/metrics under load"}, "500 'no'"),
    "hidden": (HIDDEN_METRICS, set(), ""),
}
