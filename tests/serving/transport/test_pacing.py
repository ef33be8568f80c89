import asyncio
import time

import pytest

from serving.transport.pacing import Pacer


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that were waited, on a clock that stands still."""
    seconds: list[float] = []

    async def sleep(delay: float) -> None:
        seconds.append(delay)

    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    return seconds


async def _turns(pacer: Pacer, *patience: float) -> None:
    for each in patience:
        await pacer.turn(each)


def _ask(pacer: Pacer, *patience: float) -> None:
    turns = _turns(pacer, *patience)
    with pytest.raises(StopIteration):
        turns.send(None)


def test_refusals_beyond_the_rate_wait(slept: list[float]) -> None:
    _ask(Pacer(per_second=8, longest=0.5), *(10.0,) * 4)
    assert slept == [0.125, 0.25, 0.375]


def test_a_refusal_waits_no_longer_than_the_limit(slept: list[float]) -> None:
    _ask(Pacer(per_second=8, longest=0.25), *(10.0,) * 5)
    assert slept == [0.125, 0.25, 0.25, 0.25]


def test_a_refusal_with_an_earlier_deadline_does_not_wait(slept: list[float]) -> None:
    _ask(Pacer(per_second=8, longest=0.5), 10.0, 0.1, 0.125, 0.125)
    assert slept == [0.125]


def test_a_refusal_within_the_rate_does_not_wait(
    slept: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    pacer = Pacer(per_second=8, longest=0.5)
    _ask(pacer, 10.0)
    monkeypatch.setattr(time, "monotonic", lambda: 100.125)
    _ask(pacer, 10.0)
    assert slept == []
