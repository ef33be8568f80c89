"""Every documented error that a client can provoke without harm; the service answers after it.

Three are not provoked: 408 takes half a minute, and 500, 503 and a 504 of the service's own
deadline would need a defect or an overload.
"""

import base64
import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any
from urllib.parse import urlsplit

import httpx
from PIL import Image

from deployment_check.checks import Check, Failed, Skipped
from deployment_check.deployment import Deployment, authorization, shown
from deployment_check.questions.images import encoded, photograph, picture

_ANNOUNCED_BYTES = 10**12  # of a body that no deployment takes: announced, but not sent
_TIMEOUT = 30.0


@dataclass(frozen=True)
class BadRequest:
    """A request, and the error that it must get."""

    status: int
    code: str  # in the envelope
    options: dict[str, Any] = field(default_factory=dict)
    method: str = "POST"
    path: str = "/classify"
    limit: bool = False  # whether a deployment with a higher limit may answer it
    headers: tuple[str, ...] = ()  # that the answer must have


@cache
def bad_requests() -> Mapping[str, BadRequest]:
    """All of them, by name."""
    return {
        **_unreadable(),
        **_no_images(),
        **_bad_parameters(),
        "unknown path": BadRequest(404, "not_found", method="GET", path="/no/such/path"),
        "wrong method": BadRequest(405, "method_not_allowed", method="GET", headers=("allow",)),
    }


def _unreadable() -> dict[str, BadRequest]:
    return {
        "empty body": BadRequest(400, "invalid_request"),
        "empty file": _form(400, "invalid_request", image=("a.jpg", b"")),
        "form without an image": _form(400, "invalid_request", other=("a.jpg", photograph())),
        "text where a file is expected": _form(400, "invalid_request", image=(None, "a cat")),
        "URL where a file is expected": _form(
            400, "invalid_request", image=(None, "http://127.0.0.1:9/a.jpg")
        ),
        "broken form": _raw(400, "invalid_request", b"--x\r\n", "multipart/form-data; boundary=x"),
        "broken JSON": _raw(400, "invalid_request", b"{", "application/json"),
        "broken base64": BadRequest(400, "invalid_request", {"json": {"image": "no base64!"}}),
        "batch of none": _batch(400, "invalid_request", []),
        "content type of text": _raw(415, "unsupported_media_type", photograph(), "text/plain"),
        "content type of a pickle": _raw(
            415, "unsupported_media_type", b"\x80\x04N.", "application/vnd.bentoml+pickle"
        ),
    }


def _no_images() -> dict[str, BadRequest]:
    jpeg = photograph()
    huge = encoded(Image.new("1", (10_000, 10_000)))
    thin = encoded(Image.new("1", (20_000, 1)))
    return {
        "garbage": _raw(415, "unsupported_image", b"this is no image" * 64, "image/jpeg"),
        "unsupported format (TIFF)": _raw(
            415, "unsupported_image", encoded(picture(), "TIFF"), "image/tiff"
        ),
        "truncated JPEG": _raw(422, "corrupt_image", jpeg[: len(jpeg) // 2], "image/jpeg"),
        "100 megapixels": _raw(413, "image_too_large", huge, "image/png", limit=True),
        "20,000 pixels in a row": _raw(422, "extreme_aspect_ratio", thin, "image/png", limit=True),
    }


def _bad_parameters() -> dict[str, BadRequest]:
    def asking(top_k: str) -> BadRequest:
        options = {"content": photograph(), "params": {"top_k": top_k}}
        return BadRequest(422, "invalid_parameter", options)

    pixel = base64.b64encode(encoded(Image.new("RGB", (1, 1)))).decode()
    late = {"content": photograph(), "headers": {"x-deadline-ms": "0"}}
    return {
        "top_k of 0": asking("0"),
        "top_k below 0": asking("-1"),
        "top_k of text": asking("many"),
        "deadline of 0": BadRequest(422, "invalid_parameter", late),
        "1,000 images at once": _batch(422, "invalid_parameter", [pixel] * 1000, limit=True),
    }


def _form(status: int, code: str, **parts: Any) -> BadRequest:
    return BadRequest(status, code, {"files": parts})


def _batch(status: int, code: str, images: list[str], *, limit: bool = False) -> BadRequest:
    options = {"json": {"images": images}}
    return BadRequest(status, code, options, path="/classify_batch", limit=limit)


def _raw(
    status: int, code: str, body: bytes, content_type: str, *, limit: bool = False
) -> BadRequest:
    options = {"content": body, "headers": {"content-type": content_type}}
    return BadRequest(status, code, options, limit=limit)


def is_refused(name: str, deployment: Deployment) -> str:
    """A bad request gets its error, and the next good one an answer."""
    bad = bad_requests()[name]
    response = deployment.client.request(bad.method, bad.path, **bad.options)
    if bad.limit and response.status_code == 200:
        raise Skipped("the limit is higher here")
    said = hold_to_error(response, bad.status, bad.code, bad.headers)
    deployment.hold_to_contract(bad.method, bad.path, response)
    deployment.classify(photograph())
    return said


def hold_to_error(
    response: httpx.Response, status: int, code: str, headers: tuple[str, ...] = ()
) -> str:
    """Status and code of an answer; fails unless it is the error envelope with these values."""
    if response.status_code != status:
        raise Failed(f"{shown(response)}, not {status}")
    found = _code(response.content)
    if found != code:
        raise Failed(f"{shown(response)}: code {found}, not {code}")
    missing = [name for name in headers if name not in response.headers]
    if missing:
        raise Failed(f"without the header {missing[0]}")
    return f"{status} {code}"


def is_key_needed(api_key: str | None, deployment: Deployment) -> str:
    """A request without an accepted key gets 401, where keys are in use."""
    if not deployment.asks_for_key:
        raise Skipped("no API key is in use")
    response = deployment.anonymous.post(
        "/classify", content=photograph(), headers=authorization(api_key)
    )
    said = hold_to_error(response, 401, "unauthorized", ("www-authenticate",))
    deployment.hold_to_contract("POST", "/classify", response)
    return said


def is_deadline_kept(deployment: Deployment) -> str:
    """A request whose own deadline passes gets 504; it may also be answered in time."""
    response = deployment.client.post(
        "/classify", content=photograph(), headers={"x-deadline-ms": "1"}
    )
    if response.status_code == 200:
        raise Skipped("it is answered within 1 ms")
    deployment.hold_to_contract("POST", "/classify", response)
    return hold_to_error(response, 504, "deadline_exceeded")


def is_large_body_refused(deployment: Deployment) -> str:
    """A body that is announced as too large gets 413 before a byte of it is sent."""
    if not (deployment.options.is_loopback or deployment.options.yes):
        raise Skipped("not sent to another host without --yes")
    status, body = _announce(deployment.options.url, deployment.options.api_key)
    if (status, _code(body)) != (413, "body_too_large"):
        raise Failed(f"{status} {body[:200]!r}, not 413 body_too_large")
    return "413 body_too_large"


def _announce(url: str, api_key: str | None) -> tuple[int, bytes]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    secure = parts.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = kind(parts.hostname, parts.port, timeout=_TIMEOUT)
    try:
        connection.putrequest("POST", f"{parts.path}/classify")
        headers = {"content-length": str(_ANNOUNCED_BYTES), **authorization(api_key)}
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException) as error:
        raise Failed(f"no answer: {type(error).__name__}: {error}") from error
    finally:
        connection.close()


def _code(body: bytes) -> str | None:
    """The code in an error envelope; None if the body is none."""
    try:
        content = json.loads(body)
        code, message = content["error"]["code"], content["error"]["message"]
    except (LookupError, TypeError, ValueError):
        return None
    is_envelope = set(content) == {"error"} and isinstance(message, str)
    return code if is_envelope and isinstance(code, str) else None


CHECKS: Mapping[str, Check] = {
    **{name: partial(is_refused, name) for name in bad_requests()},
    "no API key": partial(is_key_needed, None),
    "wrong API key": partial(is_key_needed, "wrong-key"),
    "deadline of 1 ms": is_deadline_kept,
    "announced body of 1 TB": is_large_body_refused,
}
