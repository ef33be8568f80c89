"""Hostile requests, each made when it is sent, with the expected outcome."""

import base64
import io
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import Any

from errors import BodyTooLarge, InvalidParameter, InvalidRequest, UnsupportedMediaType
from hostile.images.containers import JPEG, PNG
from hostile.images.files import BODY, FILES, MEGABYTE, UNSUPPORTED, File
from hostile.images.heic import HEICS
from hostile.requests.expected import PAGE, RED, Outcome, refused
from hostile.two_readers import TWO_READERS
from serving.api.dialects import error_body
from serving.bento import ROUTES

ALL_FILES = FILES | HEICS | TWO_READERS

INVALID, TOO_LARGE, UNSUPPORTED_TYPE, INVALID_PARAMETER = map(
    refused, (InvalidRequest, BodyTooLarge, UnsupportedMediaType, InvalidParameter)
)

CLASSIFY, BATCH = "/classify", "/classify_batch"

BOMB = "PNG of 169 MP in 20 KB"
FORM = "multipart/form-data; boundary=B"
JSON = "application/json"


@dataclass(frozen=True)
class Call:
    """A hostile request."""

    expected: Outcome
    options: Callable[[], dict[str, Any]] = field(default=dict)
    path: str = CLASSIFY
    method: str = "POST"
    is_decoded: bool = False  # whether it may cost as much as decoding the images of a request


def sent(expected: Outcome, path: str = CLASSIFY, **options: Any) -> Call:
    """A request whose options, as httpx takes them, are small enough to be kept in memory."""
    return Call(expected, lambda: options, path)


def body(content: bytes, content_type: str = "") -> Callable[[], dict[str, Any]]:
    """Options of a request with a body."""
    headers = {"content-type": content_type} if content_type else {}
    return lambda: {"content": content, "headers": headers}


def repeated(start: bytes, middle: bytes, count: int, end: bytes, content_type: str) -> Call:
    """A request that repeats something meaningless up to a body's limit."""

    def options() -> dict[str, Any]:  # made when it is sent, since it is large
        return body(start + middle * count + end, content_type)()

    return Call(INVALID, options)


def form(name: str, file_name: str, content: bytes = PNG) -> Callable[[], dict[str, Any]]:
    """Options of a form with one file, whose names are sent as they are."""
    head = f'--B\r\nContent-Disposition: form-data; name="{name}"; filename="{file_name}"\r\n\r\n'
    return body(head.encode() + content + b"\r\n--B--\r\n", FORM)


def parts(count: int, size: int) -> dict[str, Any]:
    """Options of a form of many files, which is sent piece by piece."""
    head = b'--B\r\nContent-Disposition: form-data; name="images"; filename="a"\r\n\r\n'
    files = (head + bytes(size) + b"\r\n" for _ in range(count))
    return {"content": chain(files, [b"--B--\r\n"]), "headers": {"content-type": FORM}}


def chunked(megabytes: int) -> dict[str, Any]:
    """Options of a JSON body of that size, which is sent piece by piece."""
    content = chain([b'{"image":"'], repeat(b"A" * MEGABYTE, megabytes), [b'"}'])
    return {"content": content, "headers": {"content-type": JSON}}


def announced(megabytes: int) -> dict[str, Any]:
    """The same, whose length is announced."""
    options = chunked(megabytes)
    options["headers"]["content-length"] = str(megabytes * MEGABYTE + len('{"image":""}'))
    return options


PICKLED = pickle.dumps(io.BytesIO(b"x"))

PICKLE_TYPES = (
    *("application/vnd.bentoml+pickle", "APPLICATION/VND.BENTOML+PICKLE"),
    *("application/vnd.bentoml.stream+pickle", "APPLICATION/X-PICKLE;"),
    *("Application/Pickle; charset=binary", "application/x-python-pickle;;"),
    "multipart/form-data; boundary=pickle",
)

PATHS = (
    *ROUTES,
    *("/livez", "/readyz", "/healthz", "/docs.json", "/schema.json"),
    *("/static_content/swagger-ui.css", "/unknown", "/__metadata__", "/call"),
)

FILE_NAMES = {
    "of 400 characters": "a" * 400 + ".png",
    "with traversal": "../" * 50 + "etc/passwd",
    "with traversal for Windows": "..\\\\" * 50 + "boot.ini",
    "absolute": "/etc/passwd",
    "with %00": "a.png%00.sh",
    "with NUL": "a.png\0.sh",
    "in Unicode": "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe\N{PILE OF POO}",
    "empty": "",
    "of a script": "$(reboot).png; rm -rf ~",
}

WRONG_TYPES = {
    "PNG called JPEG": Call(RED, body(PNG, "image/jpeg")),
    "JPEG called SVG": Call(RED, body(JPEG, "image/svg+xml")),
    "PNG called text": Call(UNSUPPORTED_TYPE, body(PNG, "text/plain")),
    "PNG called JSON": Call(INVALID, body(PNG, JSON)),
    "PNG called a form": Call(INVALID, body(PNG, FORM)),
    "PNG called a film": Call(UNSUPPORTED_TYPE, body(PNG, "video/mp4")),
    "JSON called PNG": Call(UNSUPPORTED, body(b'{"image":""}', "image/png")),
    "a type of 60,000 characters": Call(
        INVALID, body(PNG, "multipart/form-data" + ';a="' * 15_000)
    ),
    "a type twice, the last counts": sent(
        RED, content=PNG, headers=[("content-type", "text/plain"), ("content-type", "image/png")]
    ),
}

_URL = "http://127.0.0.1:9/a.png"
URLS = {
    "URL in a form": sent(INVALID, files={"image": (None, _URL)}),
    "URL in JSON": sent(INVALID, json={"image": _URL}),
    "file URL in JSON": sent(INVALID, json={"image": "file:///etc/passwd"}),
    "URL as the body": sent(UNSUPPORTED, content=_URL.encode()),
    "data URI of a URL": sent(INVALID, json={"image": f"data:image/png,{_URL}"}),
}

BODIES = {
    "700 parts of 1 MB": Call(TOO_LARGE, lambda: parts(700, MEGABYTE), BATCH),
    "700 parts in 19 MB": Call(INVALID, lambda: parts(700, 27_000), BATCH),
    "65 images in a form": Call(INVALID_PARAMETER, lambda: parts(65, 100), BATCH),
    "300 MB of JSON, announced": Call(TOO_LARGE, lambda: announced(300)),
    "300 MB of JSON, chunked": Call(TOO_LARGE, lambda: chunked(300)),
    "19 MB of base64": Call(UNSUPPORTED, lambda: announced(BODY // MEGABYTE), is_decoded=True),
    "a million lists in JSON": repeated(b'{"image":[', b"[],", MEGABYTE, b"[]]}", JSON),
    "JSON 19 million levels deep": repeated(b"", b"[", BODY, b"", JSON),
    "a number of 19 million digits": repeated(b'{"image":', b"1", BODY, b"}", JSON),
    "19 MB of white space in JSON": repeated(b"", b" ", BODY, b'{"image":""}', JSON),
    "3,000,000 almost boundaries": repeated(b"--B\r\n\r\n", b"\r\n--Bx", 3 * MEGABYTE, b"", FORM),
    "a part header of 19 MB": repeated(b"--B\r\nX: ", b"y", BODY, b"\r\n\r\n", FORM),
    "3,000,000 part headers": repeated(b"--B\r\n", b"X: y\r\n", 3 * MEGABYTE, b"\r\n", FORM),
    "a form that never ends": repeated(
        b'--B\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n',
        b"\r\n-",
        6 * MEGABYTE,
        b"",
        FORM,
    ),
    "top_k of 50,000 digits": Call(
        INVALID_PARAMETER, lambda: {"content": PNG, "params": {"top_k": "1" * 50_000}}
    ),
    "threshold of 50,000 digits and a letter": Call(
        INVALID_PARAMETER, lambda: {"content": PNG, "params": {"threshold": "1" * 50_000 + "x"}}
    ),
    "10,000 parameters": sent(INVALID, content=PNG, params=[("a", "1")] * 10_000),
}


def with_pickles() -> dict[str, Call]:
    """Pickles to every route, also BentoML's and unknown ones, with every type of a pickle."""
    return {
        f"{content_type!r} to {method} {path}": Call(
            _as_told(UNSUPPORTED_TYPE, method, path), body(PICKLED, content_type), path, method
        )
        for path in PATHS
        for method in ("POST", "GET")
        for content_type in PICKLE_TYPES
    }


def _as_told(outcome: Outcome, method: str, path: str) -> Outcome:
    """The outcome in the protocol of a path: some protocols have no error codes."""
    told = error_body(InvalidRequest(""), method, path)
    return outcome if isinstance(told.get("error"), dict) else Outcome(outcome.status, "")


def with_pickles_called_otherwise() -> dict[str, Call]:
    """Pickles with another type."""
    twice = [("content-type", PICKLE_TYPES[0]), ("content-type", "image/png")]
    return {
        "as an image": Call(UNSUPPORTED, body(PICKLED, "image/png")),
        "as a second type": sent(UNSUPPORTED, content=PICKLED, headers=twice),
        "in a form": Call(UNSUPPORTED, form("image", "a.pkl", PICKLED)),
        "in JSON": sent(UNSUPPORTED, json={"image": base64.b64encode(PICKLED).decode()}),
        "to a page": Call(PAGE, body(PICKLED, "image/png"), "/livez", "GET"),
    }


def with_file_names() -> dict[str, Call]:
    """A red image with hostile file names and field names."""
    return {
        **{f"file {name}": Call(RED, form("image", text)) for name, text in FILE_NAMES.items()},
        "field of 400 characters": Call(INVALID, form("a" * 400, "a.png")),
        "field with NUL": Call(INVALID, form("image\0", "a.png")),
    }


def with_files() -> dict[str, Call]:
    """Every hostile file as a body."""
    return {name: _with_file(file) for name, file in ALL_FILES.items()}


def _with_file(file: File) -> Call:
    return Call(file.expected, lambda: {"content": file.make()}, is_decoded=True)


def in_every_form() -> dict[str, Call]:
    """A bomb in the other forms of a request."""
    make, expected = FILES[BOMB].make, FILES[BOMB].expected

    def text() -> str:
        return base64.b64encode(make()).decode()

    several = Call(PAGE, lambda: {"json": {"images": [text()] * 64}}, BATCH, is_decoded=True)
    return {
        f"{BOMB}, in a form": Call(expected, lambda: {"files": {"image": ("a.png", make())}}),
        f"{BOMB}, in JSON": Call(expected, lambda: {"json": {"image": text()}}),
        "64 of them in one request": several,
    }
