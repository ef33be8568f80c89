"""The OpenAPI document: all forms of requests, all responses."""

from collections.abc import Iterable
from typing import Any, cast

import attr
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from serving.api.documents import other_protocols
from serving.api.documents.request_schemas import (
    OF_CLASSIFICATION,
    OF_EXPLANATION,
    OF_ONE_IMAGE,
    Schemas,
    batch_content,
    classify_content,
    explain_content,
)
from serving.api.header_checks import JSON
from serving.api.schema import (
    ClassifyBatchOutput,
    ClassifyOutput,
    Error,
    ExplainOutput,
    HealthOutput,
    ModelOutput,
)
from serving.compat.bentoml_service import Components, OpenAPISpecification, PathItem

# Pydantic writes JSON Schema 2020-12, which OpenAPI has since 3.1.
_VERSION = "3.1.0"
_REF = "#/components/schemas/{model}"
_TAG = "Service APIs"
_PROBE_TAG = "Infrastructure"
_OUTPUTS = (ClassifyOutput, ClassifyBatchOutput, ExplainOutput, HealthOutput, ModelOutput)

_NOTE = (
    "Every response that is not a success is an `Error`, 404 for an unknown route and 405 for "
    "a wrong method, too. Only `/health` describes the model in its 503, and other protocols have "
    "errors of their own. API keys are asked for where the deployer has set any."
)

_ERRORS = {
    400: "The request cannot be read",
    401: "An API key is needed",
    404: "No such route",
    405: "The route takes other methods",
    408: "The header or the body took too long to arrive",
    413: "The body or an image is too large",
    415: "Content type, content coding or image format is not taken",
    422: "An image is corrupt or a parameter invalid",
    431: "The header is too large",
    500: "A defect of the service",
    503: "Overloaded or not able to classify",
    504: "The deadline passed",
}
_OF_ANY = (408, 415, 431, 500)
_OF_A_BODY = (413, *_OF_ANY)
_OF_IMAGES = (400, 401, *_OF_A_BODY, 422, 503, 504)

_REQUEST_ID = "X-Request-ID"
_ANY_TEXT = {"type": "string"}
_SERVER_TIMING = {
    "Server-Timing": {
        "description": "Of images: milliseconds of each stage (docs/observability.md)",
        "schema": _ANY_TEXT,
    }
}
_OPTIONAL_ID = {
    _REQUEST_ID: {"description": "Absent if the bytes were no request", "schema": _ANY_TEXT}
}
_HEADERS: dict[int, dict[str, Any]] = {
    **dict.fromkeys((400, 408, 431), _OPTIONAL_ID),
    401: {"WWW-Authenticate": {"required": True, "schema": _ANY_TEXT}},
    405: {"Allow": {"required": True, "schema": _ANY_TEXT}},
    415: {"Accept-Encoding": {"description": "If the body is coded", "schema": _ANY_TEXT}},
    503: {
        "Retry-After": {
            "description": "Seconds after which to come back, if it is overloaded",
            "schema": {"type": "integer", "minimum": 1},
        }
    },
}

_HEADER_PARAMETERS = [
    {
        "name": "X-Deadline-Ms",
        "in": "header",
        "description": "Milliseconds until the answer is of no use, if fewer than the service's",
        "schema": {"type": "integer", "minimum": 1},
    },
    {
        "name": _REQUEST_ID,
        "in": "header",
        "description": "Comes back in the response; 1 to 128 letters, digits, `_`, `.`, `-`",
        "schema": _ANY_TEXT,
    },
]

_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
# No key, or either of them.
_KEY: list[dict[str, list[str]]] = [{}, {"bearer": []}, {"api_key": []}]

_PLAIN = {"text/plain": {"schema": _ANY_TEXT}}
_PAGE = {"text/html": {"schema": _ANY_TEXT}}
_OF_METRICS = "Of all workers together, in Prometheus' text format"


def documented(spec: OpenAPISpecification) -> OpenAPISpecification:
    """BentoML's document with the routes of the public contract described in full."""
    info = attr.evolve(
        spec.info,
        # BentoML writes "None" outside a Bento.
        version="dev" if spec.info.version == "None" else spec.info.version,
        description=f"{spec.info.description}\n\n{_NOTE}",
        contact=None,
    )
    return attr.evolve(
        spec,
        openapi=_VERSION,
        info=info,
        paths={path: PathItem(**item) for path, item in _paths().items()},
        # BentoML's own class for this leaves out half of JSON Schema; it passes dicts on.
        components=cast("Components", _components()),
    )


def _components() -> dict[str, Any]:
    _, definitions = models_json_schema(
        [(model, "serialization") for model in (*_OUTPUTS, Error)], ref_template=_REF
    )
    return {
        "schemas": definitions["$defs"],
        "responses": {
            str(status): _response(meaning, _content(Error), _HEADERS.get(status, {}))
            for status, meaning in _ERRORS.items()
        },
        "securitySchemes": _SCHEMES,
    }


def _paths() -> dict[str, dict[str, Any]]:
    others = other_protocols.paths()
    page = _operation("page", "A page to try the service in a browser", _PAGE, _OF_ANY)
    others["/"]["get"] = page | {"tags": [_PROBE_TAG]}
    metrics = _probe("metrics", _OF_METRICS, 401, *_OF_A_BODY)
    return {
        "/classify": {"post": _classify()},
        "/classify_batch": {"post": _classify_batch()},
        "/explain": {"post": _explain()},
        "/health": {"get": _health("get_health"), "post": _health("health")},
        "/model": {"get": _model()},
        "/livez": {"get": _probe("livez", "Whether the process lives")},
        "/readyz": {"get": _probe("readyz", "Whether to send it requests", 503)},
        "/healthz": {"get": _probe("healthz", "The old name of /livez") | {"deprecated": True}},
        "/metrics": {"get": metrics | {"security": _KEY}},
        **others,
    }


def _classify() -> dict[str, Any]:
    summary, content = "Classify one image", classify_content()
    return _of_images("classify", summary, ClassifyOutput, content, OF_ONE_IMAGE)


def _explain() -> dict[str, Any]:
    summary = "Classify one image and say where the model sees each class"
    return _of_images("explain", summary, ExplainOutput, explain_content(), OF_EXPLANATION)


def _classify_batch() -> dict[str, Any]:
    summary = "Classify several images; one that cannot be classified is an error in its place"
    return _of_images("classify_batch", summary, ClassifyBatchOutput, batch_content())


def _of_images(
    name: str,
    summary: str,
    output: type[BaseModel],
    content: dict[str, Any],
    in_query: Schemas = OF_CLASSIFICATION,
) -> dict[str, Any]:
    query = [{"name": each, "in": "query", "schema": schema} for each, schema in in_query.items()]
    return _operation(name, summary, _content(output), _OF_IMAGES) | {
        "security": _KEY,
        "parameters": [*query, *_HEADER_PARAMETERS],
        "requestBody": {"required": True, "content": content},
    }


def _health(name: str) -> dict[str, Any]:
    summary, content = "Whether the model can classify, and on what it runs", _content(HealthOutput)
    found = _operation(name, summary, content, _OF_A_BODY)
    found["responses"]["503"] = _response("The model cannot classify", content)
    return found


def _model() -> dict[str, Any]:
    summary = "How the model was made and verified, and how its answers come about"
    errors = (401, *_OF_A_BODY, 503)
    return _operation("model", summary, _content(ModelOutput), errors) | {"security": _KEY}


def _probe(name: str, summary: str, *errors: int) -> dict[str, Any]:
    return _operation(name, summary, _PLAIN, (*_OF_ANY, *errors)) | {"tags": [_PROBE_TAG]}


def _operation(
    name: str, summary: str, content: dict[str, Any], errors: Iterable[int]
) -> dict[str, Any]:
    """An operation; ``content`` is what it answers with 200."""
    return {
        "tags": [_TAG],
        "summary": summary,
        "operationId": name,
        "responses": {
            "200": _response("Successful Response", content),
            **{str(each): {"$ref": f"#/components/responses/{each}"} for each in errors},
        },
    }


def _response(
    description: str, content: dict[str, Any], headers: dict[str, Any] | None = None
) -> dict[str, Any]:
    always = {_REQUEST_ID: {"required": True, "schema": _ANY_TEXT}, **_SERVER_TIMING}
    return {"description": description, "headers": always | (headers or {}), "content": content}


def _content(model: type[BaseModel]) -> dict[str, Any]:
    return {JSON: {"schema": {"$ref": _REF.format(model=model.__name__)}}}
