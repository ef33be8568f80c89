"""What the search decides, by figures that are given instead of measured."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from benchmarks.measurement.models import Model
from benchmarks.stacks.launch import StackError
from benchmarks.tune.candidates import Stage, Values, told
from benchmarks.tune.front import Pair
from benchmarks.tune.search import Options, Search
from load_generator.wrk import Load
from settings import Device

OPTIONS = Options(
    p99_ms=50.0, clients=(16,), seconds=1, confirmations=3, device=Device.CPU, photographs=(b"",)
)

INT8 = {"model": "int8"}
STAGES: list[Stage] = [[{"device": "openvino"}, INT8], [{"workers": "1"}]]


def load(speed: float) -> Load:
    return Load(1.0, round(1000 * speed), 0, 10.0, 20.0, 0.1)


@dataclass
class Scripted(Search):
    """Answers from a table instead of servers: speed at first and when it is confirmed."""

    # By settings, as told; settings that are absent cannot serve.
    speeds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    confirmed: list[str] = field(default_factory=list)  # settings, as they were measured again

    @contextlib.contextmanager
    def _serving(self, values: Values) -> Iterator[str]:
        assert values == {}
        yield "the defaults"

    def _measured(self, values: Values, rounds: int) -> list[Pair]:
        if told(values) not in self.speeds:
            raise StackError("it cannot serve")
        first, again = self.speeds[told(values)]
        if rounds > 1:
            self.confirmed.append(told(values))
        return [Pair(16, load(1.0), load(again if rounds > 1 else first))] * rounds


def searched(folder: Path, speeds: Mapping[str, tuple[float, float]]) -> Scripted:
    found = Scripted(OPTIONS, Model("toy", "toy"), folder, {}, speeds=speeds)
    found.run(STAGES)
    return found


def test_a_precision_that_is_confirmed_is_named(tmp_path: Path) -> None:
    found = searched(
        tmp_path,
        {"device=openvino": (1.1, 1.1), "model=int8": (1.5, 1.4), "model=int8, workers=1": (1, 1)},
    )
    assert (found.choice.worth_it, found.choice.best.values) == (True, INT8)
    assert found.confirmed == ["model=int8"]
    assert found.refuted == []


def test_what_its_confirmation_does_not_show_is_not_named_and_the_next_is_tried(
    tmp_path: Path,
) -> None:
    found = searched(
        tmp_path,
        {
            "device=openvino": (1.1, 1.1),
            "model=int8": (1.5, 1.0),
            "model=int8, workers=1": (1.6, 0.9),
        },
    )
    assert found.choice.best.values == {"device": "openvino"}
    assert found.refuted == [{**INT8, "workers": "1"}, INT8]
    assert found.confirmed == ["model=int8, workers=1", "model=int8", "device=openvino"]


def test_if_nothing_is_confirmed_the_defaults_stay(tmp_path: Path) -> None:
    found = searched(
        tmp_path, {"device=openvino": (1.2, 1.02), "device=openvino, workers=1": (1, 1)}
    )
    assert not found.choice.worth_it
    assert found.choice.best.values == {}


def test_what_cannot_serve_is_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = searched(tmp_path, {"workers=1": (1.0, 1.0)})
    assert [each.values for each in found.candidates] == [{"workers": "1"}]
    assert "model=int8: left out: it cannot serve" in capsys.readouterr().err
