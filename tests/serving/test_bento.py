from types import SimpleNamespace
from typing import cast

import attr
from bentoml import Tag

import service
from serving.bento import ROUTES, ClassifierService
from settings import Settings

SERVICE = cast("ClassifierService", service.ImageClassifier)


def test_the_newest_model_is_served_unless_another_is_asked_for() -> None:
    assert SERVICE.model_tag(Settings()) == "image_classifier:latest"
    assert SERVICE.model_tag(Settings(model="image_classifier:mine")) == "image_classifier:mine"


def test_a_bento_serves_its_own_model() -> None:
    models = [
        SimpleNamespace(tag=Tag("other", "1")),
        SimpleNamespace(tag=Tag("image_classifier", "2")),
    ]
    bento = SimpleNamespace(info=SimpleNamespace(all_models=models))
    previous, SERVICE.bento = SERVICE.bento, bento
    try:
        assert SERVICE.model_tag(Settings()) == "image_classifier:2"
    finally:
        SERVICE.bento = previous


def test_the_name_of_the_service_and_what_it_asks_for() -> None:
    assert SERVICE.name == "image_classifier"
    assert SERVICE.config["resources"] == {"gpu": 1}
    assert SERVICE.config["workers"] >= 1


def test_every_api_of_the_service_is_a_route_of_the_front_door() -> None:
    assert {api.route for api in SERVICE.apis.values()} == set(ROUTES) - {"/metrics"}
    assert all("POST" in ROUTES[api.route] for api in SERVICE.apis.values())


def test_the_openapi_document_describes_every_form_error_and_status() -> None:
    document = SERVICE.openapi_spec.asdict()
    assert document["openapi"] == "3.1.0"
    assert attr.asdict(SERVICE.openapi_spec.info)["description"].startswith("Photographs in")
    for path in ("/classify", "/classify_batch"):
        responses = document["paths"][path]["post"]["responses"]
        assert set(responses) == {"200", "400", "413", "415", "422", "500", "503", "504"}
        for status in set(responses) - {"200"}:
            schema = responses[status]["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/Error"}
    assert set(document["paths"]["/classify"]["post"]["requestBody"]["content"]) == {
        "multipart/form-data",
        "image/*",
        "application/octet-stream",
        "application/json",
    }
    assert set(document["paths"]["/health"]) == {"get", "post"}
    assert document["components"]["schemas"]["Error"]["required"] == ["error"]
