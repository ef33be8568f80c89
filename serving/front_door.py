"""The front door: the outermost ASGI layer, which sees every byte before BentoML does.

It answers the routes of the public contract itself and lets only BentoML's own pages
through, so that a body is bounded before it is read, an unknown path never becomes a
metric label, and every response that is not a success is the one error envelope.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from errors import (
    BodyTooLarge,
    ClassifierError,
    InternalError,
    MethodNotAllowed,
    RouteNotFound,
    UnsupportedMediaType,
    error_envelope,
)
from serving.endpoints import Endpoint
from serving.health import Monitor
from serving.messages import Request, Response, error_response, json_response
from serving.request_metrics import OTHER, begin, end
from settings import Settings

logger = logging.getLogger("image_classifier.http")

# BentoML's own pages; everything it serves beside the APIs of a service.
_BENTOML_PATHS = frozenset({"/", "/livez", "/readyz", "/healthz", "/docs.json", "/schema.json"})
_BENTOML_FOLDERS = ("/static_content/", "/assets/")
_READ_METHODS = frozenset({"GET", "HEAD"})

# After an early refusal the rest of the body is read and thrown away for a moment:
# closing at once would reset the connection before the client has read the answer.
_LINGER_SECONDS = 1.0

CLIENT_GONE = 499
"""Status in the metrics, as nginx counts it: nobody was there to be answered."""

Routes = Mapping[str, Mapping[str, Endpoint]]
"""Endpoint by path and method."""


class _ClientGone(Exception):
    """Nobody is there to be answered."""


class FrontDoor:
    """ASGI application around BentoML's.

    Args:
        app: BentoML's application.
        routes: answered here.
        settings: the service's.
        monitor: gives this process's model state, or None before the service has started.
    """

    def __init__(
        self,
        app: ASGIApp,
        routes: Routes,
        settings: Settings,
        monitor: Callable[[], Monitor | None],
    ) -> None:
        self._app = app
        self._routes = routes
        self._settings = settings
        self._monitor = monitor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it to BentoML."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        elif scope["type"] != "http":
            await self._app(scope, receive, send)
        else:
            await self._measured(scope, receive, send)

    async def _measured(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        endpoint = path if path in self._routes or _is_bentoml_page(path) else OTHER
        recorder = _StatusRecorder(send)
        started = time.perf_counter()
        begin(endpoint)
        try:
            await self._serve(scope, receive, recorder)
        finally:
            end(endpoint, recorder.status, time.perf_counter() - started)

    async def _serve(self, scope: Scope, receive: Receive, send: "_StatusRecorder") -> None:
        try:
            headers = dict(scope["headers"])
            content_type = headers.get(b"content-type", b"").decode("latin-1")
            endpoint = self._endpoint(scope["path"], scope["method"], content_type)
            if endpoint is None:
                await self._app(scope, receive, _EnvelopeErrors(send))
                return
            body = await _read_body(headers, receive, self._settings.max_body_bytes)
            request = Request(
                content_type,
                scope["query_string"].decode("latin-1"),
                body,
                time.monotonic() + self._settings.deadline,
            )
            response = await self._answer(endpoint, request, receive)
        except _ClientGone:
            return
        except BodyTooLarge as error:
            await _refuse_and_linger(error_response(error), receive, send)
            return
        except ClassifierError as error:
            response = error_response(error)
        except Exception:
            logger.exception("%s %s failed", scope["method"], scope["path"])
            if send.started:
                raise
            response = error_response(InternalError("internal error; see the service's log"))
        await _send(response, send)

    def _endpoint(self, path: str, method: str, content_type: str) -> Endpoint | None:
        """The endpoint of a route, or None for BentoML's own pages."""
        if "pickle" in content_type.lower():
            raise UnsupportedMediaType("pickled content is never accepted")
        methods = self._routes.get(path)
        if methods is not None:
            if method not in methods:
                raise _not_allowed(path, method, methods)
            return methods[method]
        if not _is_bentoml_page(path):
            raise RouteNotFound(f"no such route; there are {', '.join(self._routes)}")
        if method not in _READ_METHODS:
            raise _not_allowed(path, method, _READ_METHODS)
        return None

    async def _answer(self, endpoint: Endpoint, request: Request, receive: Receive) -> Response:
        """Run the endpoint; stop it when the client goes away."""
        monitor = self._monitor() or Monitor()
        task = asyncio.current_task()
        assert task is not None
        watcher = asyncio.ensure_future(receive())

        def stop(_: "asyncio.Future[Message]") -> None:
            task.cancel()

        watcher.add_done_callback(stop)
        try:
            return await endpoint(monitor, self._settings, request)
        except asyncio.CancelledError:
            if watcher.done():
                raise _ClientGone from None
            raise
        finally:
            watcher.remove_done_callback(stop)
            watcher.cancel()


class _StatusRecorder:
    """A ``send`` that remembers whether a response was begun, and with which status."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = CLIENT_GONE
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.started = True
        await self._send(message)


class _EnvelopeErrors:
    """A ``send`` that turns BentoML's plain-text errors into the envelope."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._replaced = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] >= HTTPStatus.BAD_REQUEST:
            self._replaced = True
            status = HTTPStatus(message["status"])
            code = status.name.lower()
            await _send(json_response(error_envelope(code, status.phrase), status), self._send)
        elif not self._replaced:
            await self._send(message)


def _is_bentoml_page(path: str) -> bool:
    return path in _BENTOML_PATHS or path.startswith(_BENTOML_FOLDERS)


def _not_allowed(path: str, method: str, allowed: Iterable[str]) -> MethodNotAllowed:
    names = ", ".join(sorted(allowed))
    return MethodNotAllowed(f"{path} takes {names}, not {method}", headers={"allow": names})


async def _read_body(headers: dict[bytes, bytes], receive: Receive, limit: int) -> bytes:
    """The whole body, at most ``limit`` bytes, whether or not its length was announced."""
    too_large = BodyTooLarge(
        f"the body is larger than the limit of {limit} bytes", headers={"connection": "close"}
    )
    if int(headers.get(b"content-length", b"0")) > limit:
        raise too_large
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _ClientGone
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise too_large
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def _send(response: Response, send: Send, *, more_body: bool = False) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": int(response.status),
            "headers": response.raw_headers(),
        }
    )
    await send({"type": "http.response.body", "body": response.body, "more_body": more_body})


async def _refuse_and_linger(response: Response, receive: Receive, send: Send) -> None:
    await _send(response, send, more_body=True)
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(_discard_body(receive), _LINGER_SECONDS)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _discard_body(receive: Receive) -> None:
    while (await receive()).get("more_body", False):
        pass
