import time

import pytest

from serving.transport.pacing import Pacer


@pytest.fixture(autouse=True)
def _clock_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)


def _waits(pacer: Pacer, *patience: float) -> list[float]:
    return [pacer.wait(each) for each in patience]


def test_refusals_beyond_the_rate_wait() -> None:
    assert _waits(Pacer(per_second=8, longest=0.5), *(10.0,) * 4) == [0.0, 0.125, 0.25, 0.375]


def test_a_refusal_waits_no_longer_than_the_limit() -> None:
    pacer = Pacer(per_second=8, longest=0.25)
    assert _waits(pacer, *(10.0,) * 5) == [0.0, 0.125, 0.25, 0.25, 0.25]


def test_a_refusal_with_an_earlier_deadline_does_not_wait() -> None:
    pacer = Pacer(per_second=8, longest=0.5)
    assert _waits(pacer, 10.0, 0.1, 0.125, 0.125) == [0.0, 0.0, 0.125, 0.0]


def test_a_refusal_within_the_rate_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    pacer = Pacer(per_second=8, longest=0.5)
    assert pacer.wait(10.0) == 0.0
    monkeypatch.setattr(time, "monotonic", lambda: 100.125)
    assert pacer.wait(10.0) == 0.0
