"""The autoscaler's arithmetic, by exact values."""

import pytest

from deploy.simulation.autoscaler import Autoscaler, Direction, Policy, Rule, wanted

FREE = Direction(0, [Policy("Percent", 1000, 15)])
EMPTY = Direction(0, [Policy("Percent", 100, 15)])


def rule(up: Direction = FREE, down: Direction = EMPTY, maximum: int = 100) -> Rule:
    return Rule(threshold=2.0, minimum=2, maximum=maximum, up=up, down=down)


@pytest.mark.parametrize(
    ("metric", "replicas", "expected"),
    [
        (8.0, 4, 4),  # exactly on target
        (8.75, 4, 4),  # ratio 1.09: within the tolerance
        (8.9, 4, 5),  # beyond it: ceil(4.45)
        (7.25, 4, 4),  # ratio 0.91
        (7.1, 4, 4),  # beyond it, and ceil(3.55) is 4 again
        (5.9, 4, 3),
        (100.0, 3, 50),
        (0.0, 3, 0),
    ],
)
def test_wanted_is_the_formula_with_its_tolerance(
    metric: float, replicas: int, expected: int
) -> None:
    assert wanted(metric, 2.0, replicas) == expected


def test_limits_of_the_replicas_are_kept() -> None:
    autoscaler = Autoscaler(rule(maximum=10))
    assert autoscaler.decide(15, 1000.0, 4) == 10
    assert autoscaler.decide(30, 0.0, 10) == 2


def test_of_several_policies_up_the_one_that_adds_most_is_taken() -> None:
    policies = [Policy("Percent", 100, 60), Policy("Pods", 4, 60)]
    up = rule(up=Direction(0, policies))
    assert Autoscaler(up).decide(15, 1000.0, 3) == 7
    assert Autoscaler(up).decide(15, 1000.0, 5) == 10


def test_a_policy_counts_from_the_start_of_its_period() -> None:
    autoscaler = Autoscaler(rule(up=Direction(0, [Policy("Pods", 4, 60)])))
    assert autoscaler.decide(15, 1000.0, 3) == 7
    assert autoscaler.decide(30, 1000.0, 7) == 7
    assert autoscaler.decide(74, 1000.0, 7) == 7
    assert autoscaler.decide(75, 1000.0, 7) == 11


def test_percent_up_is_rounded_up_and_percent_down_takes_a_rounded_up_number() -> None:
    up = rule(up=Direction(0, [Policy("Percent", 10, 60)]))
    assert Autoscaler(up).decide(15, 1000.0, 15) == 17  # 16.5
    down = rule(down=Direction(0, [Policy("Percent", 10, 60)]))
    assert Autoscaler(down).decide(15, 0.0, 15) == 13  # 13.5


def test_down_takes_the_most_that_was_wanted_in_the_window() -> None:
    autoscaler = Autoscaler(rule(down=Direction(300, EMPTY.policies)))
    assert autoscaler.decide(0, 12.0, 6) == 6
    assert autoscaler.decide(15, 6.0, 6) == 6
    assert autoscaler.decide(285, 4.0, 6) == 6
    assert autoscaler.decide(300, 4.0, 6) == 3  # 12.0 was 300 s ago, 6.0 was not
    assert autoscaler.decide(315, 4.0, 3) == 2


def test_up_takes_the_least_that_was_wanted_in_the_window() -> None:
    autoscaler = Autoscaler(rule(up=Direction(60, FREE.policies)))
    assert autoscaler.decide(0, 8.0, 4) == 4
    assert autoscaler.decide(15, 40.0, 4) == 4
    assert autoscaler.decide(60, 40.0, 4) == 20
