from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from conversion.graph.verify import in_batches
from conversion.quantization import search as module
from conversion.quantization.calibration import Method
from conversion.quantization.recipe import Recipe, weighted_nodes
from conversion.quantization.search import Samples, Search, Tried, table
from inference.sessions.session import open_session
from model_spec import ONNX_FILE
from settings import Device
from tests.conversion.brightness import GREYS, MEANS, brightness_network, write_fp32

FIRST = Recipe(Method.MINMAX, signed=False, reduce_range=False)


def tried(**fields: float | None) -> Tried:
    measured: dict[str, Any] = {
        "distance": 0.01,
        "agreement": 1.0,
        "shift": 0.0,
        "speed_up": 2.0,
        **fields,
    }
    return Tried(FIRST, Path(), **measured)


@pytest.fixture
def search(fp32: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Search:
    """Of a network that any speed is fast enough for."""
    monkeypatch.setattr(module, "LEAST_SPEED_UP", 0.0)
    return search_of(fp32, tmp_path)


def search_of(fp32: Path, workspace: Path) -> Search:
    session = open_session(fp32, Device.CPU, intra_op_threads=1)
    samples = Samples(GREYS, in_batches(GREYS, 8, session.run))
    return Search(fp32, samples, Device.CPU, workspace)


def test_histograms_take_fewer_photographs(search: Search, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(GREYS) == 52
    monkeypatch.setattr(module, "ranges", lambda path, method, pixels, *_: len(pixels))
    assert [search._ranges_of(method) for method in Method] == [52, 32, 32]


def test_good_is_fast_and_accurate() -> None:
    assert tried().is_good
    assert not tried(agreement=0.97).is_good
    assert not tried(distance=0.06).is_good
    assert not tried(shift=-0.04).is_good
    assert not tried(speed_up=1.1).is_good


def test_where_fp32_is_sure_of_nothing_the_distance_decides() -> None:
    assert tried(agreement=None).is_good
    assert not tried(agreement=None, distance=0.06).is_good
    assert "where fp32 is sure (of none)" in str(tried(agreement=None))


def test_each_recipe_has_a_line_of_the_table() -> None:
    kept = Recipe(Method.ENTROPY, signed=True, reduce_range=True, kept=("a", "b"))
    rows = (tried(), replace(tried(agreement=None, speed_up=0.987), recipe=kept))
    assert table(rows) == [
        f"{'tried':<58}  same class  difference  × fp32",
        f"{'min-max, uint8 activations, 8-bit weights':<58}      100.0%      0.0100    2.00",
        f"{kept}   (of none)      0.0100    0.99",
    ]


def test_the_best_of_good_ones_is_the_fastest() -> None:
    near, fast = tried(distance=0.0), tried(distance=0.04, speed_up=2.1)
    assert max((near, fast), key=lambda each: each.rank) is fast


def test_if_none_is_good_the_best_is_fast_and_then_close() -> None:
    slow, far, near = tried(speed_up=1.0), tried(distance=0.2), tried(distance=0.1)
    assert max((slow, far, near), key=lambda each: each.rank) is near
    assert max((slow, tried(speed_up=0.9, distance=0.0)), key=lambda each: each.rank).distance == 0


@pytest.mark.slow
@pytest.mark.parametrize(("sure", "agreement"), [(0.5, 1.0), (2.0, None)], ids=["sure", "unsure"])
def test_the_first_good_recipe_ends_the_search(
    sure: float, agreement: float | None, search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SURE", sure)
    found = search.find()
    assert search.tried == [found]
    assert (found.recipe.method, found.agreement) == (Method.MINMAX, agreement)
    assert (found.folder / ONNX_FILE).exists()


@pytest.mark.slow
def test_if_none_is_good_all_are_tried_and_the_best_is_kept(
    search: Search, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_DISTANCE", -1.0)
    found = search.find()
    recipes = [each.recipe for each in search.tried]
    assert [each.method for each in recipes[:3]] == list(Method)
    assert [each.signed for each in recipes] == [False, False, False, True]
    assert found.distance == min(each.distance for each in search.tried)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == [found.folder.name]


@pytest.mark.slow
def test_nodes_stay_in_float_only_where_that_may_help(
    search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEAST_SPEED_UP", float("inf"))
    search.find()
    assert [each.recipe.kept for each in search.tried] == [()] * 4


@pytest.fixture
def deep(tmp_path: Path) -> Search:
    """Of a network with two convolutions."""
    identity = nn.Conv2d(MEANS, MEANS, 1, bias=False)
    nn.init.dirac_(identity.weight)
    folder = tmp_path / "fp32"
    folder.mkdir()
    write_fp32(folder, brightness_network(identity))
    return search_of(folder, tmp_path)


@pytest.mark.slow
def test_the_first_layer_is_in_float_if_that_is_faster(
    deep: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEAST_SPEED_UP", 0.0)
    found = deep.find()
    first = weighted_nodes(deep._fp32 / ONNX_FILE)[0][0].name
    assert [each.recipe.kept for each in deep.tried] == [(), (first,)]
    assert found.speed_up == max(each.speed_up for each in deep.tried)
    assert found.distance < module.MOST_DISTANCE


@pytest.mark.slow
def test_the_search_goes_on_with_the_faster_of_both(
    deep: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEAST_SPEED_UP", 0.0)
    monkeypatch.setattr(module, "MOST_DISTANCE", -1.0)
    deep.find()
    fastest = max(deep.tried[:2], key=lambda each: each.speed_up).recipe
    assert [each.recipe for each in deep.tried[2:4]] == [
        replace(fastest, method=method) for method in (Method.PERCENTILE, Method.ENTROPY)
    ]
    assert len({each.recipe for each in deep.tried}) == len(deep.tried)
