"""The front door: the outermost ASGI layer, in front of BentoML's application.

It answers the routes of the public contract, and passes only pages and probes on. So bodies are
bounded before they are read, unknown paths never become metric labels, and all errors have the
same envelope.
"""

import asyncio
import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from random import getrandbits
from typing import NamedTuple

from starlette.types import ASGIApp, Receive, Scope, Send

from errors import (
    ClassifierError,
    InternalError,
    InvalidParameter,
    MethodNotAllowed,
    Overloaded,
    RouteNotFound,
    UnsupportedMediaType,
    without_traces,
)
from serving.api import dialects
from serving.api.header_checks import check_codings
from serving.api.requests import Request
from serving.api.responses import Response, json_response
from serving.api.routes import HEAD_CHECKS, check_room
from serving.api.routing import Endpoint, Match, Router, Routes
from serving.health import Monitor
from serving.metrics import spans, stages
from serving.metrics.access_log import AccessLogger
from serving.metrics.answered import Answered
from serving.metrics.requests import begin, end
from serving.metrics.spans import Spans
from serving.metrics.trace_context import TraceContext, trace_context
from serving.transport.http_request import HttpRequest, request_behind
from serving.transport.keys import ApiKeys, is_page, page_label
from serving.transport.pacing import Pacer
from serving.transport.request_bodies import ClientGone, HeldBodies, HeldBody, read_body
from serving.transport.responses import REQUEST_ID, CrossOrigin, EnvelopeErrors, ResponseSender
from settings import AccessLog, Settings

logger = logging.getLogger("image_classifier.http")

_READ_METHODS = frozenset({"GET", "HEAD"})

TRACEPARENT = b"traceparent"

# BentoML's application would log what it cannot read in these, whatever strangers write there.
_LOGGED_HEADERS = frozenset({b"baggage", b"tracestate"})

DEADLINE_HEADER = b"x-deadline-ms"
"""A client may set a shorter deadline than the service's with this header."""

# Longer numbers are cut: any deadline has fewer digits.
_DEADLINE_DIGITS = 12

_REQUEST_ID = re.compile(rb"[\w.-]{1,128}", re.ASCII)
_REQUEST_ID_BITS = 128


class _Exchange(NamedTuple):
    """A request, and the way to its response."""

    scope: Scope
    headers: Mapping[bytes, bytes]
    match: Match | None
    receive: Receive
    sender: ResponseSender


class FrontDoor:
    """ASGI application around the one that answers pages.

    Args:
        app: answers pages and probes.
        routes: that the front door answers.
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
        self._router = Router(routes)
        self._listed = ", ".join(routes)
        self._settings = settings
        self._monitor = monitor
        self._keys = ApiKeys(settings.keys, pages_need_key=settings.pages_need_key)
        self._bodies = HeldBodies(settings.max_held_body_bytes)
        self._refusals = Pacer()
        self._cross_origin = CrossOrigin(settings.origins)
        # Called after every request.
        self._listeners: list[Callable[[Answered], None]] = []
        if settings.access_log is not AccessLog.OFF:
            self._listeners.append(AccessLogger(settings.access_log).write)
        if spans.is_configured():
            self._listeners.append(Spans().export)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it to the pages."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if self._cross_origin.is_preflight(scope, headers):
            await self._cross_origin.answer_preflight(scope, receive, send)
        else:
            trace = trace_context(headers.get(TRACEPARENT))
            cross_origin = self._cross_origin.headers(headers)
            sender = ResponseSender(send, _request_id(headers, trace), cross_origin, trace)
            match = self._router.find(scope["path"])
            await self._measured(_Exchange(scope, headers, match, receive, sender))

    async def _measured(self, exchange: _Exchange) -> None:
        scope, _, match, _, sender = exchange
        endpoint = match.route if match else page_label(scope["path"])
        begin(endpoint)
        try:
            await self._serve(exchange)
        finally:
            seconds = sender.times.durations().total
            end(endpoint, sender.status, seconds)
            if sender.sends_timing and sender.status == HTTPStatus.OK:
                stages.observe(endpoint, sender.times)
            if self._listeners:
                self._notify(scope["method"], endpoint, sender)

    def _notify(self, method: str, endpoint: str, sender: ResponseSender) -> None:
        classifier = self._current_monitor().classifier
        answered = Answered(
            method,
            endpoint,
            sender.status,
            sender.request_id.decode(),
            sender.trace,
            classifier.tag if classifier else None,
            sender.times,
        )
        for listener in self._listeners:
            listener(answered)

    def _current_monitor(self) -> Monitor:
        """This process's monitor; before the service has started, one that is unready."""
        return self._monitor() or Monitor()

    async def _serve(self, exchange: _Exchange) -> None:
        scope, headers, _, receive, send = exchange
        try:
            response = await self._response(exchange)
        except ClientGone:
            return
        except Overloaded as error:
            response = _error_response(error, scope)
            wait = self._refusals.wait(self._timeout(headers))
            if wait:
                _stop_reading(receive)
                await asyncio.sleep(wait)
        except ClassifierError as error:
            response = _error_response(error, scope)
        except Exception:
            request_id = send.request_id.decode()
            logger.exception("%s %r failed (%s)", scope["method"], scope["path"], request_id)
            if send.has_begun:
                return  # and the connection is closed
            masked = InternalError(f"internal error, request id {request_id}")
            response = _error_response(masked, scope)
        if response is not None:
            await send.respond(response)

    async def _response(self, exchange: _Exchange) -> Response | None:
        """The response to a request; None if a page has sent its own."""
        scope, headers, match, receive, send = exchange
        content_type = headers.get(b"content-type", b"").decode("latin-1")
        endpoint = self._endpoint(match, scope["path"], scope["method"], content_type)
        self._keys.check(scope["path"], headers, of_page=endpoint is None)
        if endpoint is None:
            kept = [each for each in scope["headers"] if each[0] not in _LOGGED_HEADERS]
            await self._app({**scope, "headers": kept}, receive, EnvelopeErrors(send))
            return None
        assert match is not None
        timeout = self._timeout(headers)
        query = scope["query_string"].decode("latin-1")
        monitor = self._current_monitor()
        check_head = HEAD_CHECKS.get(endpoint)
        if check_head is not None:
            send.sends_timing = True
            check_codings(scope["headers"])
            check_head(content_type, query)
            check_room(endpoint, monitor, query, time.monotonic() + timeout)
        source = request_behind(receive)
        with HeldBody(self._bodies, self._settings.max_body_bytes) as held:
            seconds = self._settings.body_timeout_ms / 1000
            body = await read_body(headers, receive, source, held, seconds)
            send.times.received = time.perf_counter()
            request = Request(
                content_type,
                query,
                body,
                time.monotonic() + timeout,
                send.times,
                headers,
                match.captured,
            )
            return await self._answer(endpoint, monitor, request, source)

    def _endpoint(
        self, match: Match | None, path: str, method: str, content_type: str
    ) -> Endpoint | None:
        """The endpoint of a route; None for pages."""
        if "pickle" in content_type.lower():
            raise UnsupportedMediaType("pickled content is never accepted")
        methods = match.methods if match else {}
        if method in methods:
            return methods[method]
        of_pages = is_page(path)
        if of_pages and method in _READ_METHODS:
            return None
        if match or of_pages:
            raise _not_allowed(path, method, {*methods, *(_READ_METHODS if of_pages else ())})
        raise RouteNotFound(f"no such route; there are {self._listed}")

    def _timeout(self, headers: Mapping[bytes, bytes]) -> float:
        """Seconds that the answer may take: the service's, or the client's if that is less."""
        asked = headers.get(DEADLINE_HEADER)
        if asked is None:
            return self._settings.deadline
        digits = asked.lstrip(b"0")
        if not digits.isdigit():
            raise InvalidParameter("X-Deadline-Ms must be a positive whole number")
        return min(int(digits[:_DEADLINE_DIGITS]) / 1000, self._settings.deadline)

    async def _answer(
        self,
        endpoint: Endpoint,
        monitor: Monitor,
        request: Request,
        source: HttpRequest | None,
    ) -> Response:
        """Run the endpoint; stop it when the client goes away."""
        if source is None:
            return await endpoint(monitor, self._settings, request)
        if source.client_is_gone:
            raise ClientGone
        task = asyncio.current_task()
        assert task is not None
        source.on_client_gone = task.cancel
        try:
            return await endpoint(monitor, self._settings, request)
        except asyncio.CancelledError:
            if source.client_is_gone:
                raise ClientGone from None
            raise
        finally:
            source.on_client_gone = None


def _error_response(error: ClassifierError, scope: Scope) -> Response:
    """The response for an error, as the clients of the path read it."""
    without_traces(error)
    body = dialects.error_body(error, scope["method"], scope["path"])
    return json_response(body, error.status, error.headers)


def _stop_reading(receive: Receive) -> None:
    """Read no more until the response is sent: the rest of the body will be dropped."""
    source = request_behind(receive)
    if source is not None:
        source.stop_reading()


def _request_id(headers: Mapping[bytes, bytes], trace: TraceContext | None) -> bytes:
    """The client's request id if it is safe to log, else its trace's, else a new one."""
    given = headers.get(REQUEST_ID)
    if given and _REQUEST_ID.fullmatch(given):
        return given
    return trace.trace_id.encode() if trace else b"%032x" % getrandbits(_REQUEST_ID_BITS)


def _not_allowed(path: str, method: str, allowed: Iterable[str]) -> MethodNotAllowed:
    names = ", ".join(sorted(allowed))
    return MethodNotAllowed(f"{path} takes {names}, not {method}", headers={"allow": names})
