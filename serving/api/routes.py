"""One function for each route that the front door answers."""

import asyncio
from collections.abc import Callable

from errors import InvalidParameter
from serving.api import dialects
from serving.api.header_checks import check_batch_head, check_classify_head
from serving.api.parameters import parameters_of_query
from serving.api.parsing import parse_classify, parse_classify_batch
from serving.api.requests import Request
from serving.api.responses import Response, json_response
from serving.api.routing import Endpoint
from serving.compat.bentoml_parts import metrics_text
from serving.health import Monitor
from serving.metrics import requests as request_metrics
from serving.parameters import EXPLAIN
from settings import Settings


async def classify(monitor: Monitor, settings: Settings, request: Request) -> Response:
    """``POST /classify``"""
    image, parameters = parse_classify(request)
    answering = monitor.classifier_for(parameters)
    answer = await answering.classify(image, parameters, request.deadline, request.times)
    return json_response(answer)


async def classify_batch(monitor: Monitor, settings: Settings, request: Request) -> Response:
    """``POST /classify_batch``"""
    classifier = monitor.ready_classifier()
    parsed = parse_classify_batch(request, settings.max_images_per_request)
    if parsed.parameters.explain:
        raise InvalidParameter(f"{EXPLAIN} is for one image; send it to /classify")
    return json_response(
        await classifier.classify_batch(
            parsed.images, parsed.parameters, request.deadline, request.times
        )
    )


async def explain(monitor: Monitor, settings: Settings, request: Request) -> Response:
    """``POST /explain``"""
    explainer = monitor.ready_explainer()
    image, parameters = parse_classify(request)
    answer = await explainer.explain(image, parameters, request.deadline, request.times)
    return json_response(answer)


async def health(monitor: Monitor, settings: Settings, request: Request) -> Response:
    """``GET /health``, and ``POST`` for BentoML's client"""
    found = monitor.health()
    return json_response(found.model_dump(), found.http_status)


async def model(monitor: Monitor, settings: Settings, request: Request) -> Response:
    """``GET /model``: how the model was made and verified, and how its answers come about"""
    classifier = monitor.ready_classifier()
    return json_response({"model": classifier.tag, **classifier.spec.model_dump(mode="json")})


async def metrics(monitor: Monitor, settings: Settings, request: Request) -> Response:
    """``GET /metrics``: of all workers together, in Prometheus' text format"""
    request_metrics.write()
    # Merges a file of each worker, which would block the event loop.
    body, content_type = await asyncio.to_thread(metrics_text)
    return Response(body, media_type=content_type)


def check_room(endpoint: Endpoint, monitor: Monitor, query: str, deadline: float) -> None:
    """Refuse a request with images that would wait too long, before its body is read.

    Only for endpoints in ``HEAD_CHECKS``. The deadline is in ``time.monotonic()`` seconds.

    Raises:
        Overloaded: too many images wait, or for too long.
        ModelUnavailable: the model cannot classify.
    """
    monitor.ready_classifier().check_room(deadline)
    if endpoint is explain or (EXPLAIN in query and parameters_of_query(query).explain):
        monitor.ready_explainer().check_room()


HEAD_CHECKS: dict[Endpoint, Callable[[str, str], None]] = {
    classify: check_classify_head,
    classify_batch: check_batch_head,
    explain: check_classify_head,
    **dialects.HEAD_CHECKS,
}
"""Checks of content type and query, done before the body is read; by endpoint."""
