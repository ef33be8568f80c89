"""The OpenAPI document: all forms a request may have, all answers."""

from typing import Any, cast

import attr
from bentoml._internal.service.openapi.specification import (
    Components,
    OpenAPISpecification,
    PathItem,
)
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from serving.parsing import BATCH_FIELD, FORM, IMAGE_FIELDS, JSON, TOP_K
from serving.schema import (
    TOP_K_DESCRIPTION,
    ClassifyBatchOutput,
    ClassifyOutput,
    Error,
    HealthOutput,
)

# Pydantic writes JSON Schema 2020-12, which OpenAPI has since 3.1.
_VERSION = "3.1.0"
_REF = "#/components/schemas/{model}"
_TAG = "Service APIs"
_OUTPUTS = (ClassifyOutput, ClassifyBatchOutput, HealthOutput)

_ERRORS = {
    400: "The request cannot be read",
    413: "The body or an image is too large",
    415: "Content type or image format is not taken",
    422: "An image is corrupt or a parameter out of range",
    500: "A defect of the service",
    503: "Overloaded or not able to classify",
    504: "The deadline passed",
}

_BINARY = {"type": "string", "contentMediaType": "application/octet-stream", "format": "binary"}
_BASE64 = {"type": "string", "contentEncoding": "base64", "description": "Base64 or a data URI"}
_TOP_K = {"type": "integer", "minimum": 1, "description": TOP_K_DESCRIPTION}


_SUCCESS = "Successful Response"


def documented(spec: OpenAPISpecification) -> OpenAPISpecification:
    """BentoML's document with the routes of the public contract described in full."""
    _, definitions = models_json_schema(
        [(model, "serialization") for model in (*_OUTPUTS, Error)], ref_template=_REF
    )
    paths = {path: PathItem(**item) for path, item in _paths().items()}
    return attr.evolve(
        spec,
        openapi=_VERSION,
        info=attr.evolve(spec.info, version=_version(spec.info.version), contact=None),
        paths=spec.paths | paths,
        # BentoML's own class for this leaves out half of JSON Schema; it passes dicts on.
        components=cast("Components", {"schemas": definitions["$defs"]}),
    )


def _version(bento: str) -> str:
    """The Bento's; BentoML writes "None" for a service that is not in one."""
    return "dev" if bento == "None" else bento


def _paths() -> dict[str, dict[str, Any]]:
    health = {
        "tags": [_TAG],
        "summary": "Whether the model can classify, and on what it runs",
        "responses": {
            "200": _response(_SUCCESS, HealthOutput),
            "503": _response("The model cannot classify", HealthOutput),
        },
    }
    return {
        "/classify": {"post": _classify()},
        "/classify_batch": {"post": _classify_batch()},
        "/health": {
            "get": health | {"operationId": "get_health"},
            "post": health | {"operationId": "health"},
        },
    }


def _classify() -> dict[str, Any]:
    return {
        **_operation("classify", "Classify one image", ClassifyOutput),
        "requestBody": {
            "required": True,
            "content": {
                FORM: _object({IMAGE_FIELDS[0]: _BINARY}),
                "image/*": {"schema": _BINARY},
                "application/octet-stream": {"schema": _BINARY},
                JSON: _object({IMAGE_FIELDS[0]: _BASE64}),
            },
        },
    }


def _classify_batch() -> dict[str, Any]:
    summary = "Classify several images; one that cannot be classified is an error in its place"
    return {
        **_operation("classify_batch", summary, ClassifyBatchOutput),
        "requestBody": {
            "required": True,
            "content": {
                FORM: _object({BATCH_FIELD: _list_of(_BINARY)}),
                JSON: _object({BATCH_FIELD: _list_of(_BASE64)}),
            },
        },
    }


def _operation(name: str, summary: str, output: type[BaseModel]) -> dict[str, Any]:
    errors = {str(status): _response(text, Error) for status, text in _ERRORS.items()}
    return {
        "tags": [_TAG],
        "summary": summary,
        "operationId": name,
        "parameters": [{"name": TOP_K, "in": "query", "schema": _TOP_K}],
        "responses": {"200": _response(_SUCCESS, output), **errors},
    }


def _response(description: str, model: type[BaseModel]) -> dict[str, Any]:
    schema = {"$ref": _REF.format(model=model.__name__)}
    return {"description": description, "content": {JSON: {"schema": schema}}}


def _object(required: dict[str, Any]) -> dict[str, Any]:
    return {
        "schema": {
            "type": "object",
            "properties": {**required, TOP_K: _TOP_K},
            "required": list(required),
        }
    }


def _list_of(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item, "minItems": 1}
