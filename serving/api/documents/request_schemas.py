"""What the routes take, in JSON Schema: forms, JSON, raw images and parameters."""

from typing import Any

from serving.api.header_checks import FORM, JSON
from serving.api.parsing import BATCH_FIELD, IMAGE_FIELDS
from serving.api.schema import (
    CLASS_IDS_DESCRIPTION,
    EMBEDDING_DESCRIPTION,
    EXPLAIN_DESCRIPTION,
    MAP_DESCRIPTION,
    NORMALISED_DESCRIPTION,
    THRESHOLD_DESCRIPTION,
    TOP_K_DESCRIPTION,
)
from serving.parameters import (
    CLASS_IDS,
    EMBEDDING,
    EMBEDDING_FORMS,
    EXPLAIN,
    MAP,
    MAX_CLASSES,
    NORMALISED,
    THRESHOLD,
    TOP_K,
    MapForm,
)

Schemas = dict[str, dict[str, Any]]
"""Of parameters, by name."""

_IMAGE = "image/*"

_BINARY = {"type": "string", "contentMediaType": "application/octet-stream", "format": "binary"}
_BASE64 = {"type": "string", "contentEncoding": "base64", "description": "Base64 or a data URI"}
_TOP_K: dict[str, Any] = {"type": "integer", "minimum": 1, "description": TOP_K_DESCRIPTION}
_ID = r"\s*[0-9]{1,9}\s*"
_IDS = rf"\[?{_ID}(,{_ID}){{0,{MAX_CLASSES - 1}}}\]?"
OF_CLASSIFICATION: Schemas = {
    TOP_K: _TOP_K,
    THRESHOLD: {"type": "number", "minimum": 0, "maximum": 1, "description": THRESHOLD_DESCRIPTION},
    EMBEDDING: {"enum": [True, False, *EMBEDDING_FORMS], "description": EMBEDDING_DESCRIPTION},
    NORMALISED: {"type": "boolean", "description": NORMALISED_DESCRIPTION},
}
OF_EXPLANATION: Schemas = {
    TOP_K: _TOP_K,
    CLASS_IDS: {"type": "string", "pattern": f"^{_IDS}$", "description": CLASS_IDS_DESCRIPTION},
    MAP: {"type": "string", "enum": [*map(str, MapForm)], "description": MAP_DESCRIPTION},
}
_EXPLAIN: Schemas = {EXPLAIN: {"type": "boolean", "description": EXPLAIN_DESCRIPTION}}
OF_ONE_IMAGE: Schemas = OF_EXPLANATION | OF_CLASSIFICATION | _EXPLAIN
"""Of ``/classify``, which also explains."""

_EXPLANATION_IN_FORM = OF_EXPLANATION | {
    # A browser leaves empty what is not filled in.
    CLASS_IDS: {
        "anyOf": [
            {"type": "string", "pattern": f"^({_IDS})?$"},
            {"type": "integer", "minimum": 0, "maximum": 999_999_999},
        ],
        "description": CLASS_IDS_DESCRIPTION,
    },
    MAP: {**OF_EXPLANATION[MAP], "enum": ["", *OF_EXPLANATION[MAP]["enum"]]},
}
_CLASS_IDS_IN_JSON: Schemas = {
    CLASS_IDS: {
        "type": "array",
        "items": {"type": "integer", "minimum": 0},
        "minItems": 1,
        "maxItems": MAX_CLASSES,
        "description": CLASS_IDS_DESCRIPTION,
    }
}

# A red PNG, 1 x 1.
_EXAMPLE = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
)


def classify_content() -> dict[str, Any]:
    """What ``/classify`` takes, by content type."""
    return _of_one_image(OF_ONE_IMAGE | _EXPLANATION_IN_FORM, OF_ONE_IMAGE | _CLASS_IDS_IN_JSON)


def explain_content() -> dict[str, Any]:
    """What ``/explain`` takes, by content type."""
    return _of_one_image(_EXPLANATION_IN_FORM, OF_EXPLANATION | _CLASS_IDS_IN_JSON)


def batch_content() -> dict[str, Any]:
    """What ``/classify_batch`` takes, by content type."""
    return {
        FORM: {"schema": _form({BATCH_FIELD: _list_of(_BINARY)}, OF_CLASSIFICATION)},
        JSON: {
            "schema": _form({BATCH_FIELD: _list_of(_BASE64)}, OF_CLASSIFICATION),
            "example": {BATCH_FIELD: [_EXAMPLE]},
        },
    }


def _of_one_image(in_form: Schemas, in_json: Schemas) -> dict[str, Any]:
    field, base64 = IMAGE_FIELDS[0], {**_BASE64, "minLength": 1}
    return {
        FORM: {"schema": _form({field: _BINARY}, in_form)},
        _IMAGE: {"schema": _BINARY},
        "application/octet-stream": {"schema": _BINARY},
        JSON: {"schema": _form({field: base64}, in_json), "example": {field: _EXAMPLE}},
    }


def _form(image: dict[str, Any], parameters: Schemas) -> dict[str, Any]:
    """An image, or a list of them, with parameters of which each may be null."""
    nullable = {name: {"anyOf": [each, {"type": "null"}]} for name, each in parameters.items()}
    return object_of(image, nullable)


def object_of(required: Schemas, optional: Schemas | None = None) -> dict[str, Any]:
    """A JSON object."""
    properties = required | (optional or {})
    return {"type": "object", "properties": properties, "required": list(required)}


def _list_of(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item, "minItems": 1}
