import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from bentoml import Tag

import service
from errors import ModelUnavailable
from harness.toys import RED, encoded
from serving.api import dialects
from serving.bento import ROUTES, ClassifierService
from settings import Settings
from tests.serving.classifiers import monitor_of, toy_classifier

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
    own = set(ROUTES) - set(dialects.ROUTES)
    assert {api.route for api in SERVICE.apis.values()} == own - {"/metrics", "/model"}
    assert all("POST" in ROUTES[api.route] for api in SERVICE.apis.values())


def test_callers_in_the_same_process_get_the_same_answers(toy_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "red.png").write_bytes(encoded(RED))

    async def use() -> None:
        instance = SERVICE.inner()
        with pytest.raises(ModelUnavailable):
            await instance.classify(tmp_path / "red.png")
        instance.monitor = monitor_of(toy_classifier(toy_folder, Settings()))
        one = await instance.classify(tmp_path / "red.png", top_k=2)
        batch = await instance.classify_batch([tmp_path / "red.png"])
        health = await instance.health()
        await instance.stop()
        assert (one.label, len(one.predictions)) == ("red", 2)
        assert [result.label for result in batch.results] == ["red"]
        assert (health.status, health.model) == ("healthy", "image_classifier:toy")

    asyncio.run(use())
