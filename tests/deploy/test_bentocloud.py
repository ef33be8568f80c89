"""The deployment's file against BentoML's own classes, and against the code."""

import copy
from typing import Any

import pytest
import yaml
from _bentoml_sdk.service.config import validate
from bentoml._internal.cloud.schemas.modelschemas import DeploymentStrategy
from bentoml._internal.cloud.schemas.schemasv2 import CreateDeploymentSchema
from bentoml._internal.utils.cattr import bentoml_cattr

import service
from harness.servers import PROJECT
from settings import load_settings
from tests.support.kustomized import trigger

CONFIG: dict[str, Any] = yaml.safe_load((PROJECT / "deploy/bentocloud/deployment.yaml").read_text())


def understood(config: dict[str, Any]) -> Any:
    """What BentoML would send to BentoCloud; what it does not know is left out."""
    return bentoml_cattr.unstructure(bentoml_cattr.structure(config, CreateDeploymentSchema))


def test_every_key_is_one_that_bentoml_sends() -> None:
    assert understood(CONFIG) == CONFIG


def test_a_key_that_does_not_exist_would_be_noticed() -> None:
    changed = copy.deepcopy(CONFIG)
    changed["services"]["image_classifier"]["scaling"]["maximum"] = 5
    assert understood(changed) != changed


def test_the_service_is_ours() -> None:
    assert list(CONFIG["services"]) == [service.ImageClassifier.name]  # type: ignore[attr-defined]
    assert CONFIG["bento"].startswith(f"{service.ImageClassifier.name}:")  # type: ignore[attr-defined]


def test_its_strategy_and_overrides_are_ones_that_bentoml_has() -> None:
    (deployed,) = CONFIG["services"].values()
    assert deployed["deployment_strategy"] in {each.value for each in DeploymentStrategy}
    validate(deployed["config_overrides"])


def test_its_settings_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in CONFIG["envs"]:
        monkeypatch.setenv(variable["name"], variable["value"])
    assert load_settings().device.value == "cuda"


def test_it_is_scaled_at_the_queue_that_pods_are_scaled_at() -> None:
    (deployed,) = CONFIG["services"].values()
    at = deployed["config_overrides"]["traffic"]["concurrency"]
    assert at == float(trigger("gpu")["threshold"])
