"""The other protocols in the OpenAPI document."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from model_spec import MODEL_NAME
from serving.api.dialects.open_inference import IMAGE, PIXELS, PROBABILITIES
from serving.api.documents.request_schemas import object_of
from serving.api.header_checks import FORM, JSON, OCTETS

Schema = dict[str, Any]

_TAG = "Other protocols"

_TEXT: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "number"}
_WHOLE: Schema = {"type": "integer", "minimum": 1}
_FLAG: Schema = {"type": "boolean"}
_OBJECT: Schema = {"type": "object"}
_BINARY: Schema = {"type": "string", "format": "binary"}
_BASE64: Schema = {"type": "string", "contentEncoding": "base64", "minLength": 1}

_HEADERS = {HTTPStatus.UNAUTHORIZED: "WWW-Authenticate", HTTPStatus.METHOD_NOT_ALLOWED: "Allow"}

_OF_ANY = (404, 405, 408, 413, 415, 431, 500)
_OF_A_MODEL = (400, 401, 422, 503, *_OF_ANY)
_OF_IMAGES = (*_OF_A_MODEL, 504)


def paths() -> dict[str, dict[str, Any]]:
    """Each path of the other protocols, with its operations."""
    found = {
        "/": {"post": _post("hugging_face", "Hugging Face's task", _TASK, _SCORES, _OF_TEXT)},
        "/predict": {
            "post": _post("predict", "As the service before answered", _FILE, _PREDICTED, _DETAIL)
        },
        "/v2": {"get": _get("v2", "The server's name and extensions", _SERVER)},
        "/v2/health/live": {"get": _get("v2_live", "Whether the process lives", _READY)},
        "/v2/health/ready": {"get": _get("v2_ready", "Whether to send it requests", _READY)},
    }
    for name, path, parameters in _models():
        infer = _post(f"v2_infer{name}", "Classify images or pixels", _TENSORS, _INFERRED, _OF_TEXT)
        operations = {
            path: ("get", _get(f"v2_model{name}", "The model's tensors", _MODEL)),
            f"{path}/ready": ("get", _get(f"v2_model_ready{name}", "Whether it is ready", _READY)),
            f"{path}/infer": ("post", infer),
        }
        for each, (method, operation) in operations.items():
            found[each] = {method: operation | {"parameters": parameters}}
    return found


def _models() -> Iterable[tuple[str, str, list[Schema]]]:
    in_path = {"in": "path", "required": True}
    model = {**in_path, "name": "model", "schema": {"type": "string", "enum": [MODEL_NAME]}}
    version = {**in_path, "name": "version", "schema": _TEXT}
    yield "", "/v2/models/{model}", [model]
    yield "_of_version", "/v2/models/{model}/versions/{version}", [model, version]


def _list_of(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _tensor(name: str, datatype: str, data: Schema) -> Schema:
    return object_of(
        {
            "name": {"type": "string", "enum": [name]},
            "datatype": {"type": "string", "enum": [datatype]},
            "shape": _list_of(_WHOLE) | {"minItems": 1},
        },
        {"data": data, "parameters": _OBJECT},
    )


_OF_TEXT = object_of({"error": _TEXT})
_DETAIL = object_of({"detail": _TEXT})

_TASK = {
    "image/*": _BINARY,
    OCTETS: _BINARY,
    FORM: object_of({"image": _BINARY}),
    JSON: object_of(
        {"inputs": _BASE64},
        {"parameters": {"type": ["object", "null"], "properties": {"top_k": _WHOLE}}},
    ),
}
_SCORES = _list_of(object_of({"label": _TEXT, "score": _NUMBER}))

_FILE = {FORM: object_of({"file": _BINARY})}
_PREDICTED = object_of(
    {
        "class_id": {"type": "integer"},
        "confidence": _NUMBER,
        "processing_time": _NUMBER,
        "gpu_utilization": {"type": ["number", "null"]},
    }
)

_SERVER = object_of({"name": _TEXT, "version": _TEXT, "extensions": _list_of(_TEXT)})
_READY = object_of({"live": _FLAG, "ready": _FLAG}, {"name": _TEXT})
_SHAPED = _list_of(
    object_of({"name": _TEXT, "datatype": _TEXT, "shape": _list_of({"type": "integer"})})
)
_MODEL = object_of(
    {
        "name": _TEXT,
        "versions": _list_of(_TEXT),
        "platform": _TEXT,
        "inputs": _SHAPED,
        "outputs": _SHAPED,
    }
)
_TENSORS = {
    JSON: object_of(
        {
            "inputs": {
                "type": "array",
                "minItems": 1,
                "maxItems": 1,
                "items": {
                    "anyOf": [
                        _tensor(IMAGE, "BYTES", _list_of(_BASE64)),
                        _tensor(PIXELS, "UINT8", {"type": "array"}),
                    ]
                },
            }
        },
        {
            "id": {"type": ["string", "null"]},
            "parameters": {"type": ["object", "null"]},
            "outputs": {
                "type": ["array", "null"],
                "maxItems": 1,
                "items": object_of({"name": {"type": "string", "enum": [PROBABILITIES]}}),
            },
        },
    ),
    OCTETS: _BINARY,
}
_INFERRED = object_of(
    {"model_name": _TEXT, "model_version": _TEXT, "outputs": _list_of(_OBJECT)}, {"id": _TEXT}
)


def _get(name: str, summary: str, output: Schema) -> Schema:
    statuses = _OF_A_MODEL if "model" in name or name == "v2" else (503, *_OF_ANY)
    found = _operation(name, summary, output, _OF_TEXT, statuses)
    if output is _READY:  # not ready is no error
        found["responses"]["503"] = _response("Not ready", output | {"required": []})
    return found


def _post(name: str, summary: str, content: Schema, output: Schema, error: Schema) -> Schema:
    body = {media_type: {"schema": schema} for media_type, schema in content.items()}
    found = _operation(name, summary, output, error, _OF_IMAGES)
    if output is _INFERRED:
        found["responses"]["200"]["content"][OCTETS] = {"schema": _BINARY}
    return found | {"requestBody": {"required": True, "content": body}}


def _operation(
    name: str, summary: str, output: Schema, error: Schema, statuses: Iterable[int]
) -> Schema:
    errors = {str(status): _error(HTTPStatus(status), error) for status in statuses}
    return {
        "tags": [_TAG],
        "summary": summary,
        "operationId": name,
        "responses": {"200": _response("Successful Response", output), **errors},
    }


def _error(status: HTTPStatus, schema: Schema) -> Schema:
    if status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE):
        schema = {"anyOf": [schema, _OBJECT]}  # answered before the path is known
    found = _response(status.phrase, schema)
    if status in _HEADERS:
        found["headers"] = {_HEADERS[status]: {"required": True, "schema": _TEXT}}
    return found


def _response(description: str, schema: Schema) -> Schema:
    return {"description": description, "content": {JSON: {"schema": schema}}}
