"""Whether the deployment is up, ready, healthy, documented and measured."""

from collections.abc import Mapping
from functools import partial

from deployment_check.checks import Check, Failed, Skipped
from deployment_check.deployment import Deployment, shown
from deployment_check.load.observer import HIDDEN

_DESCRIBED = (("POST", "/classify"), ("POST", "/classify_batch"), ("GET", "/health"))

_METRIC = "image_classifier_batch_size_count"


def answers(path: str, deployment: Deployment) -> str:
    """A page whose status is all that counts."""
    deployment.ask("GET", path)
    return "200"


def healthy(deployment: Deployment) -> str:
    """``/health``: the model can classify."""
    health = deployment.content(deployment.ask("GET", "/health"))
    if health["status"] != "healthy" or not health["model_loaded"]:
        raise Failed(f"it says {health}")
    return f"{health['model']} on {health['device']}"


def documented(deployment: Deployment) -> str:
    """``/docs.json``: describes every answer, or none could be compared with it."""
    response = deployment.client.get("/docs.json")
    if response.status_code != 200 or deployment.contract is None:
        raise Failed(shown(response))
    missing = [f"{m} {p}" for m, p in _DESCRIBED if not deployment.contract.describes(m, p)]
    if missing:
        raise Failed(f"it does not say what these answer: {', '.join(missing)}")
    return f"OpenAPI {response.json().get('openapi')}"


def measured(deployment: Deployment) -> str:
    """``/metrics``: counts batches, where it is open."""
    response = deployment.client.get("/metrics")
    if response.status_code in HIDDEN:
        raise Skipped(f"it is not open here ({response.status_code})")
    if response.status_code != 200:
        raise Failed(f"{shown(response)}, not 200")
    deployment.hold_to_contract("GET", "/metrics", response)
    if _METRIC not in response.text:
        raise Failed(f"there is no {_METRIC}")
    return f"{len(response.text.splitlines())} lines"


CHECKS: Mapping[str, Check] = {
    "GET /livez": partial(answers, "/livez"),
    "GET /readyz": partial(answers, "/readyz"),
    "GET /health": healthy,
    "GET /docs.json": documented,
    "GET /metrics": measured,
}
