"""Every rendered object is one that its API takes."""

import copy
from typing import Any

import kubernetes_validate
import promql_parser
import pytest
import yaml
from cloudcoil.models.keda.v1alpha1 import ScaledObject
from cloudcoil.models.prometheus_operator.v1 import ServiceMonitor
from pydantic import BaseModel

from tests.support.kustomized import KUBERNETES, OVERLAYS, Manifest, manifest, render, trigger

# The preStop hook "sleep" is on by default from 1.30 on.
OLDEST = "1.30"
VERSIONS = (OLDEST, kubernetes_validate.latest_version())

# Kinds that an operator brings, as that operator's schema has them.
OPERATORS: dict[str, type[BaseModel]] = {
    "ScaledObject": ScaledObject,
    "ServiceMonitor": ServiceMonitor,
}
KINDS = {
    *("ConfigMap", "Deployment", "Namespace", "NetworkPolicy", "PodDisruptionBudget"),
    *("ScaledObject", "Service", "ServiceMonitor"),
}


def problems(read: BaseModel, given: Manifest) -> dict[str, Any]:
    """What a schema did not understand of a manifest, since it ignores what it does not know."""
    understood = read.model_dump(by_alias=True, exclude_none=True, mode="json")
    return {key: value for key, value in given.items() if understood.get(key) != value}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_has_each_kind_once(overlay: str) -> None:
    kinds = [each["kind"] for each in render(overlay)]
    assert sorted(kinds) == sorted(KINDS)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.slow
def test_objects_of_kubernetes_follow_its_schemas(overlay: str, version: str) -> None:
    for each in render(overlay):
        if each["kind"] not in OPERATORS:
            assert kubernetes_validate.validate(each, version, strict=True)


@pytest.mark.parametrize("kind", OPERATORS)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_objects_of_operators_follow_theirs(overlay: str, kind: str) -> None:
    given = manifest(overlay, kind)
    assert problems(OPERATORS[kind].model_validate(given), given) == {}


def test_a_field_that_does_not_exist_is_refused() -> None:
    deployment = copy.deepcopy(manifest("cpu", "Deployment"))
    deployment["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="readynessProbe"):
        kubernetes_validate.validate(deployment, OLDEST, strict=True)
    scaled = copy.deepcopy(manifest("cpu", "ScaledObject"))
    scaled["spec"]["pollInterval"] = 5
    assert problems(ScaledObject.model_validate(scaled), scaled) == {"spec": scaled["spec"]}


def test_the_query_is_promql() -> None:
    assert "image_classifier_pending_images" in str(promql_parser.parse(trigger("cpu")["query"]))


def test_every_file_is_rendered() -> None:
    named = {"kustomization.yaml"}
    for kustomization in KUBERNETES.rglob("kustomization.yaml"):
        named |= set(yaml.safe_load(kustomization.read_text())["resources"])
    assert {file.name for file in KUBERNETES.rglob("*.yaml")} <= named
