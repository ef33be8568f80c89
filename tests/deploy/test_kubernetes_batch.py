"""The Job that classifies in shards, and the one that puts them together."""

from typing import Any

import kubernetes_validate
import pytest

from batch.command import options_of
from batch.options import Shard
from tests.deploy.test_kubernetes_schemas import VERSIONS
from tests.support.kustomized import manifest, render

SHARDS, TABLE = "../batch/shards", "../batch/table"


def container(folder: str) -> dict[str, Any]:
    (found,) = manifest(folder, "Job")["spec"]["template"]["spec"]["containers"]
    return dict(found)


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("folder", [SHARDS, TABLE])
def test_objects_follow_the_schemas(folder: str, version: str) -> None:
    for each in render(folder):
        assert kubernetes_validate.validate(each, version, strict=True)


def test_every_shard_has_its_pod() -> None:
    spec = manifest(SHARDS, "Job")["spec"]
    assert spec["completionMode"] == "Indexed"
    (shard,) = [each for each in container(SHARDS)["env"] if each["name"] == "SHARD"]
    annotation = shard["valueFrom"]["fieldRef"]["fieldPath"]
    assert annotation == "metadata.annotations['batch.kubernetes.io/job-completion-index']"
    arguments = container(SHARDS)["args"]
    for number in range(spec["completions"]):
        given = [each.replace("$(SHARD)", str(number)) for each in arguments]
        assert options_of(given).shard == Shard(number, spec["completions"])


def test_the_table_is_written_by_one_pod_from_the_same_run() -> None:
    spec = manifest(TABLE, "Job")["spec"]
    assert (spec["completions"], spec["parallelism"]) == (1, 1)
    arguments = container(TABLE)["args"]
    assert arguments == container(SHARDS)["args"][:-1]
    assert options_of(arguments).shard is None
