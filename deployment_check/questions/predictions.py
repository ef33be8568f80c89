"""Every form of a request gets the same answer, and an answer is consistent."""

import base64
import uuid
from collections.abc import Mapping
from functools import partial
from typing import Any

from deployment_check.checks import Check, Failed
from deployment_check.deployment import Deployment
from deployment_check.questions.images import photograph
from load_generator.known_images import TOLERANCE

_ROUNDING = 1e-4  # of the sum of confidences, each of which is rounded


def _base64() -> str:
    return base64.b64encode(photograph()).decode()


def _forms() -> dict[str, dict[str, Any]]:
    return {
        "multipart form": {"files": {"image": ("photograph.jpg", photograph(), "image/jpeg")}},
        "multipart form, alias file": {"files": {"file": ("photograph.jpg", photograph())}},
        "JSON, base64": {"json": {"image": _base64()}},
        "JSON, data URI": {"json": {"image": f"data:image/jpeg;base64,{_base64()}"}},
    }


def is_same_in(form: str, deployment: Deployment) -> str:
    """A request in some form gets the answer that the image gets as the body."""
    answer = deployment.ask("POST", "/classify", **_forms()[form]).json()
    return agreement(answer, deployment.classify(photograph()))


def agreement(answer: Mapping[str, Any], expected: Mapping[str, Any]) -> str:
    """Label and confidence of an answer; fails unless it agrees with another one."""
    found, wanted = _said(answer), _said(expected)
    same_class = answer["class_id"] == expected["class_id"]
    if not same_class or abs(answer["confidence"] - expected["confidence"]) > TOLERANCE:
        raise Failed(f"{found}, not {wanted}")
    return found


def is_consistent(deployment: Deployment) -> str:
    """The best class comes first, confidences fall, and their sum is at most 1."""
    answer = deployment.classify(photograph())
    predictions = answer["predictions"]
    first = {name: answer[name] for name in ("class_id", "label", "confidence")}
    confidences = [each["confidence"] for each in predictions]
    if predictions[0] != first:
        raise Failed(f"the first of predictions is {predictions[0]}, but the answer {first}")
    if confidences != sorted(confidences, reverse=True) or sum(confidences) > 1 + _ROUNDING:
        raise Failed(f"confidences are {confidences}")
    return f"{len(predictions)} classes, {sum(confidences):.3f} together"


def obeys_top_k(deployment: Deployment) -> str:
    """As many classes as were asked for, by form, query and JSON."""
    file = {"image": photograph()}
    asked: dict[str, dict[str, Any]] = {
        "form": {"files": file, "data": {"top_k": "2"}},
        "query": {"content": photograph(), "params": {"top_k": "2"}},
        "JSON": {"json": {"image": _base64(), "top_k": 2}},
    }
    for form, request in asked.items():
        predictions = deployment.ask("POST", "/classify", **request).json()["predictions"]
        if len(predictions) != 2:
            raise Failed(f"{len(predictions)} classes, not 2, by {form}")
    return "2 of 2"


def returns_request_id(deployment: Deployment) -> str:
    """A client's ``X-Request-ID`` comes back."""
    sent = uuid.uuid4().hex
    headers = {"x-request-id": sent}
    response = deployment.ask("POST", "/classify", content=photograph(), headers=headers)
    if response.headers.get("x-request-id") != sent:
        raise Failed(f"sent {sent}, got {response.headers.get('x-request-id')}")
    return sent


def _said(answer: Mapping[str, Any]) -> str:
    return f"{answer['label']} {answer['confidence']:.3f}"


CHECKS: Mapping[str, Check] = {
    **{form: partial(is_same_in, form) for form in _forms()},
    "consistent with itself": is_consistent,
    "top_k": obeys_top_k,
    "X-Request-ID": returns_request_id,
}
