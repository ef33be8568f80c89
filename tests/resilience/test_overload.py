"""The figures of an overload, worked out by hand."""

import pytest

from load_generator.known_images import Outcome
from load_generator.loops import Exchange
from resilience.overload import Maximum, Overload

MAXIMUM = Maximum(alone=10.0, beside=5.0, cpu_seconds=0.1)


def answered(outcome: Outcome, count: int, scheduled: float, seconds: float) -> list[Exchange]:
    return [Exchange(scheduled, scheduled, scheduled + seconds, outcome)] * count


def overload(
    exchanges: list[Exchange], cpu_seconds: float = 4.4, recovery: float = 5.0
) -> Overload:
    return Overload(MAXIMUM, 40.0, exchanges, 10.0, cpu_seconds, recovery)


GOOD = [
    *answered(Outcome.RIGHT, 45, scheduled=1.0, seconds=9.0),
    *answered(Outcome.REFUSED, 355, scheduled=2.0, seconds=0.25),
]


def test_all_as_it_must_be() -> None:
    found = overload(GOOD)
    assert found.goodput == 4.5
    assert found.cost == pytest.approx(44 / 45)
    rows = found.evidence(deadline=9.0)
    assert [row.ok for row in rows] == [True] * 5
    assert [row.seen for row in rows] == [
        "45 answered right, 355 refused 503/504, 0 connection lost, 0 wrong",
        "4.5/s, 0.90 of 5.0/s (0.45 of 10.0/s, which are answered when nobody sends more)",
        "0.98 ×",
        "p99 9.00 s; the refused: p99 250 ms",
        "5.0 s",
    ]


@pytest.mark.parametrize(
    ("found", "failed"),
    [
        (overload([*GOOD, *answered(Outcome.LOST, 1, 1.0, 1.0)]), 0),
        (overload([*GOOD, *answered(Outcome.WRONG, 1, 1.0, 1.0)]), 0),
        (overload(GOOD[1:]), 1),
        (overload([*GOOD[1:], *answered(Outcome.RIGHT, 1, 8.0, 2.5)]), 1),
        (overload(GOOD, cpu_seconds=5.1), 2),
        (overload([*GOOD, *answered(Outcome.RIGHT, 1, 0.0, 9.5)]), 3),
        (overload(GOOD, recovery=5.1), 4),
    ],
    ids=["lost", "wrong", "too few", "too late to count", "too dear", "p99", "recovery"],
)
def test_each_bar_can_be_missed(found: Overload, failed: int) -> None:
    assert [row.ok for row in found.evidence(deadline=9.0)].index(False) == failed
