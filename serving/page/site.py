"""The page at ``/``: its files, read once and served from memory.

They are the same for every model and hold nothing of the deployment: the page asks the routes that
every client has.
"""

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from starlette.types import ASGIApp, Receive, Scope, Send

from serving.transport.http_request import Header
from serving.transport.keys import DOCUMENTS, SITE, SITE_FOLDER

STATIC = Path(__file__).with_name("static")
"""The files; nothing builds them."""

_INDEX = "index.html"
_MEDIA_TYPES = {
    ".html": b"text/html; charset=utf-8",
    ".css": b"text/css; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
}

# Scripts and styles of these files only, requests to this service only, nothing written as HTML.
# Photographs come from the browser's memory (blob:), the icon is part of the page (data:).
_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    b"img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    b"require-trusted-types-for 'script'"
)


class File(NamedTuple):
    """A file of the page, and the headers of its responses; the ETag changes with the body."""

    body: bytes
    etag: bytes
    headers: list[Header]


@lru_cache(1)
def files() -> Mapping[str, File]:
    """The page's files by path."""
    found = (path for path in sorted(STATIC.iterdir()) if path.suffix in _MEDIA_TYPES)
    return MappingProxyType({_path(path.name): _read(path) for path in found})


def _path(name: str) -> str:
    return SITE if name == _INDEX else SITE_FOLDER + name


def _read(path: Path) -> File:
    body = path.read_bytes()
    etag = b'"%b"' % hashlib.sha256(body).hexdigest()[:16].encode()
    headers = [
        (b"content-type", _MEDIA_TYPES[path.suffix]),
        (b"etag", etag),
        # A browser asks each time, and gets 304: after a roll-out it has no old file.
        (b"cache-control", b"no-cache"),
        (b"content-security-policy", _POLICY),
    ]
    return File(body, etag, headers)


class Site:
    """ASGI application around BentoML's: the page, and BentoML's page at ``/docs``."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._files = files()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a GET or a HEAD of a file; hand all else to BentoML."""
        file = self._files.get(scope["path"]) if scope["type"] == "http" else None
        if file is not None:
            await _send(file, dict(scope["headers"]), send)
        elif scope["type"] == "http" and scope["path"] == DOCUMENTS:
            # BentoML itself has it at the root.
            await self._app({**scope, "path": "/", "raw_path": b"/"}, receive, send)
        else:
            await self._app(scope, receive, send)


async def _send(file: File, request: Mapping[bytes, bytes], send: Send) -> None:
    """The file, or 304 if the client has it."""
    is_known = file.etag in request.get(b"if-none-match", b"")
    status = HTTPStatus.NOT_MODIFIED if is_known else HTTPStatus.OK
    length = [] if is_known else [(b"content-length", b"%d" % len(file.body))]
    start = {"status": int(status), "headers": [*file.headers, *length]}
    await send({"type": "http.response.start", **start})
    await send({"type": "http.response.body", "body": b"" if is_known else file.body})
