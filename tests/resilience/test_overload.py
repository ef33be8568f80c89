"""The figures of an overload, worked out by hand."""

import pytest

from load_generator.known_images import Outcome
from load_generator.loops import Exchange
from resilience.overload import Overload, Round


def answered(outcome: Outcome, count: int, scheduled: float, seconds: float) -> list[Exchange]:
    return [Exchange(scheduled, scheduled, scheduled + seconds, outcome)] * count


def round_of(exchanges: list[Exchange], cpu_seconds: float = 4.4) -> Round:
    return Round(5.0, 0.1, exchanges, 10.0, cpu_seconds)


def overload(
    exchanges: list[Exchange], cpu_seconds: float = 4.4, recovery: float = 5.0
) -> Overload:
    return Overload(10.0, 40.0, [round_of(exchanges, cpu_seconds)], recovery)


GOOD = [
    *answered(Outcome.RIGHT, 45, scheduled=1.0, seconds=9.0),
    *answered(Outcome.REFUSED, 355, scheduled=2.0, seconds=0.25),
]


def test_all_as_it_must_be() -> None:
    rows = overload(GOOD).evidence(deadline=9.0)
    assert [row.ok for row in rows] == [True] * 5
    assert [row.seen for row in rows] == [
        "45 answered right, 355 refused 503/504, 0 connection lost, 0 wrong",
        "0.90 of them: 4.5/s (10.0/s before, when nobody sends more)",
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


def test_ratios_are_medians_of_the_rounds() -> None:
    slow = round_of(GOOD[1:])  # a machine that did something else meanwhile
    rounds = [slow, round_of(GOOD), round_of(GOOD, cpu_seconds=4.6)]
    found = Overload(10.0, 40.0, rounds, 1.0).evidence(deadline=9.0)
    assert found[1].seen.startswith("0.90 of them")
    assert (found[2].seen, found[2].ok) == ("1.00 ×", True)
