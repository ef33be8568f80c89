"""Other servers' protocols, for clients that were written for them.

Each file turns requests of one protocol into ours, and our answers into its own:

- ``open_inference``: version 2 of the Open Inference Protocol (KServe, Triton);
- ``hugging_face``: the image classification task of Hugging Face's inference API;
- ``predecessor``: ``POST /predict`` of the FastAPI service that this one replaces.

Limits, keys, deadlines and batching are those of ``/classify``. Errors have the protocol's own
shape.
"""

from collections.abc import Callable, Mapping
from typing import Any

from errors import ClassifierError
from serving.api.dialects import hugging_face, open_inference, predecessor
from serving.api.header_checks import check_classify_head
from serving.api.routing import Endpoint, Routes

_READ = ("GET", "HEAD")
_TASK, _PREDICT, _V2 = "/", "/predict", "/v2"
_MODELS = (f"{_V2}/models/{{model}}", f"{_V2}/models/{{model}}/versions/{{version}}")

PROBES = (f"{_V2}/health/live", f"{_V2}/health/ready")
"""Like ``/livez`` and ``/readyz``, they need no key."""

ROUTES: Routes = {
    _TASK: {"POST": hugging_face.classify},
    _PREDICT: {"POST": predecessor.predict},
    _V2: dict.fromkeys(_READ, open_inference.server),
    PROBES[0]: dict.fromkeys(_READ, open_inference.live),
    PROBES[1]: dict.fromkeys(_READ, open_inference.ready),
    **{path: dict.fromkeys(_READ, open_inference.model) for path in _MODELS},
    **{f"{path}/ready": dict.fromkeys(_READ, open_inference.ready) for path in _MODELS},
    **{f"{path}/infer": {"POST": open_inference.infer} for path in _MODELS},
}

HEAD_CHECKS: Mapping[Endpoint, Callable[[str, str], None]] = {
    hugging_face.classify: check_classify_head,
    predecessor.predict: check_classify_head,
    open_inference.infer: open_inference.check_infer_head,
}
"""Part of ``serving.api.routes.HEAD_CHECKS``."""


def error_body(error: ClassifierError, method: str, path: str) -> dict[str, Any]:
    """The JSON of an error, as the client of a path reads it."""
    if path == _PREDICT:
        return {"detail": error.message}  # as FastAPI has it
    is_task = path == _TASK and method == "POST"
    if is_task or path == _V2 or path.startswith(f"{_V2}/"):
        return {"error": error.message}
    return error.envelope()
