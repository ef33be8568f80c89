"""The service against its own OpenAPI document, by tools that know nothing else of it."""

import base64
from typing import TYPE_CHECKING, Any, cast

import httpx
import openapi_spec_validator
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import negative_data_rejection

import service
from harness.servers import Server
from harness.toys import BLUE, RED, encoded
from serving.api import dialects
from tests.serving.conftest import MAX_BODY_BYTES

if TYPE_CHECKING:
    from serving.bento import ClassifierService

FORM, JSON = "multipart/form-data", "application/json"
DEADLINE = "X-Deadline-Ms"

DOCUMENT = cast("ClassifierService", service.ImageClassifier).openapi_spec.asdict()

CONFIG = {
    "seed": 1,
    # Names the document does not mention are ignored.
    "generation": {"deterministic": True, "allow-extra-parameters": False},
    "checks": {
        "not_a_server_error": {"expected-statuses": ["2xx", "4xx", "503", "504"]},
        "negative_data_rejection": {
            "expected-statuses": ["400", "404", "405", "413", "415", "422", "503", "504"]
        },
        # The document cannot say what bytes are an image, nor how many classes a model has.
        "positive_data_acceptance": {"enabled": False},
    },
}
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT, config=schemathesis.Config.from_dict(CONFIG))

IMAGES = st.sampled_from(
    [
        encoded(RED),
        encoded(BLUE, (64, 64), "JPEG"),
        encoded(BLUE, (64, 64), "JPEG")[:500],
        encoded(RED, (1001, 1000)),
        encoded(RED, (210, 10)),
        b"no image",
        bytes(MAX_BODY_BYTES + 1),
    ]
)
schemathesis.openapi.format("binary", IMAGES)
schemathesis.openapi.media_type("image/*", IMAGES)


def test_the_document_is_valid_openapi() -> None:
    openapi_spec_validator.validate(DOCUMENT)


def test_the_documents_are_built_once() -> None:
    classifier = cast("ClassifierService", service.ImageClassifier)
    assert classifier.openapi_spec is classifier.openapi_spec
    assert classifier.schema() is classifier.schema()


@pytest.mark.slow
def test_the_server_hands_out_the_document(client: httpx.Client) -> None:
    assert client.get("/docs.json").json() == DOCUMENT


@pytest.mark.slow
@SCHEMA.exclude(path=list(dialects.ROUTES)).parametrize()
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_one_that_the_document_describes(
    case: schemathesis.Case[Any], toy_server: Server
) -> None:
    response = called(case, toy_server)
    if response.status_code >= 400:
        assert set(response.json()) == {"error"}
        assert set(response.json()["error"]) == {"code", "message"}


@pytest.mark.slow
@SCHEMA.include(path=list(dialects.ROUTES)).parametrize()
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_answers_in_other_protocols_are_as_the_document_describes(
    case: schemathesis.Case[Any], toy_server: Server
) -> None:
    called(case, toy_server)


def called(case: schemathesis.Case[Any], toy_server: Server) -> schemathesis.Response:
    """Send a request; the answer, which is as the document describes it."""
    be_patient(case)
    response = case.call(base_url=toy_server.url)
    excluded: list[schemathesis.CheckFunction] = []
    if is_refused_in_place(response):
        excluded.append(negative_data_rejection)
    case.validate_response(response, excluded_checks=excluded)
    return response


def be_patient(case: schemathesis.Case[Any]) -> None:
    """Raise a deadline so short that 504 would hide every other answer."""
    if case.headers.get(DEADLINE, "").isdecimal() and 0 < int(case.headers[DEADLINE]) < 10_000:
        case.headers[DEADLINE] = "10000"


def is_refused_in_place(response: schemathesis.Response) -> bool:
    """Whether a batch was answered 200 with an error for each of its images."""
    answer = response.json() if response.headers["content-type"] == [JSON] else None
    results = answer.get("results", []) if isinstance(answer, dict) else []
    return bool(results) and all("error" in result for result in results)


def example(path: str) -> Any:
    return DOCUMENT["paths"][path]["post"]["requestBody"]["content"][JSON]["example"]


RED_BASE64 = base64.b64encode(encoded(RED)).decode()

EXAMPLES: dict[str, tuple[str, str, Any]] = {
    "form with top_k": ("/classify", FORM, {"image": encoded(RED), "top_k": 1}),
    "raw, image": ("/classify", "image/*", encoded(RED)),
    "raw, bytes": ("/classify", "application/octet-stream", encoded(RED)),
    "json with top_k": ("/classify", JSON, {"image": RED_BASE64, "top_k": None}),
    "json, data URI": ("/classify", JSON, {"image": f"data:image/png;base64,{RED_BASE64}"}),
    "json, the document's": ("/classify", JSON, example("/classify")),
    "explain, form": ("/explain", FORM, {"image": encoded(RED), "class_ids": "0", "map": "png"}),
    "explain, raw": ("/explain", "image/*", encoded(RED)),
    "explain, json": ("/explain", JSON, {"image": RED_BASE64, "class_ids": [0], "top_k": 1}),
    "explain, the document's": ("/explain", JSON, example("/explain")),
    "classify and explain": ("/classify", FORM, {"image": encoded(RED), "explain": True}),
    "batch, form": ("/classify_batch", FORM, {"images": [encoded(RED), encoded(RED)]}),
    "batch, json": ("/classify_batch", JSON, {"images": [RED_BASE64], "top_k": 1}),
    "batch, the document's": ("/classify_batch", JSON, example("/classify_batch")),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_a_request_in_a_documented_form_is_classified(name: str, toy_server: Server) -> None:
    path, media_type, body = EXAMPLES[name]
    case = SCHEMA[path]["POST"].Case(body=body, media_type=media_type)
    response = case.call_and_validate(base_url=toy_server.url)
    assert response.status_code == 200
    answer = response.json()
    best = answer["predictions"][0] if path == "/explain" else answer
    assert {result["label"] for result in answer.get("results", [best])} == {"red"}


OF_IMAGES = {"200", "400", "401", "408", "413", "415", "422", "431", "500", "503", "504"}
OF_HEALTH = {"200", "408", "413", "415", "431", "500", "503"}
OF_A_PROBE = {"200", "408", "415", "431", "500"}


def test_every_operation_names_its_statuses() -> None:
    assert (DOCUMENT["openapi"], DOCUMENT["info"]["version"]) == ("3.1.0", "dev")
    assert DOCUMENT["info"]["description"].startswith("Photographs in")
    found = {
        (path, method): set(operation["responses"])
        for path, item in DOCUMENT["paths"].items()
        if path not in dialects.ROUTES
        for method, operation in item.items()
    }
    assert found == {
        ("/classify", "post"): OF_IMAGES,
        ("/classify_batch", "post"): OF_IMAGES,
        ("/explain", "post"): OF_IMAGES,
        ("/health", "get"): OF_HEALTH,
        ("/health", "post"): OF_HEALTH,
        ("/model", "get"): OF_HEALTH | {"401"},
        ("/livez", "get"): OF_A_PROBE,
        ("/readyz", "get"): OF_A_PROBE | {"503"},
        ("/healthz", "get"): OF_A_PROBE,
        ("/metrics", "get"): OF_A_PROBE | {"401", "413"},
    }


def test_an_image_may_be_sent_in_four_types() -> None:
    body = DOCUMENT["paths"]["/classify"]["post"]["requestBody"]
    assert set(body["content"]) == {FORM, JSON, "image/*", "application/octet-stream"}


def test_every_error_is_the_envelope() -> None:
    errors = DOCUMENT["components"]["responses"]
    assert DOCUMENT["components"]["schemas"]["Error"]["required"] == ["error"]
    for operation in DOCUMENT["paths"]["/classify"].values():
        for status in OF_IMAGES - {"200"}:
            assert operation["responses"][status] == {"$ref": f"#/components/responses/{status}"}
    assert set(errors) == OF_IMAGES - {"200"} | {"404", "405"}
    for response in errors.values():
        schema = response["content"][JSON]["schema"]
        assert schema == {"$ref": "#/components/schemas/Error"}
    without_id = {s for s in errors if not errors[s]["headers"]["X-Request-ID"].get("required")}
    assert without_id == {"400", "408", "431"}
    assert "Retry-After" in errors["503"]["headers"]
    assert errors["405"]["headers"]["Allow"]["required"]
