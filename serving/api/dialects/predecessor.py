"""``POST /predict``, as in the FastAPI service that this one replaces.

A client of that service moves by changing the host. New clients use ``/classify``.
"""

from serving.api.parsing import parse_classify
from serving.api.requests import Request
from serving.api.responses import Response, json_response
from serving.health import Monitor
from settings import Settings

KEYS = ("class_id", "confidence", "processing_time", "gpu_utilization")
"""Of the answer."""


async def predict(monitor: Monitor, settings: Settings, request: Request) -> Response:
    """``POST /predict``: classify one image, sent as the form's file ``file``"""
    image, wanted = parse_classify(request)
    classifier = monitor.ready_classifier()
    answer = await classifier.classify(image, wanted, request.deadline, request.times)
    return json_response({key: answer[key] for key in KEYS})
