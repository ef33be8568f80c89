import pytest

from benchmarks.tune.front import Choice, Measured, Pair, choose, front, reference, relative
from benchmarks.tune.report import table, verdict
from load_generator.wrk import Load


def load(per_second: int, p99_ms: float, failures: int = 0) -> Load:
    return Load(2.0, 2 * per_second, failures, p99_ms / 2, p99_ms, 0.1)


def measured(name: str, speed: float, p99_ms: float, failures: int = 0) -> Measured:
    return Measured({"workers": name} if name else {}, speed, p99_ms, 5.0, failures)


DEFAULT = measured("", 100.0, 40.0)
FAST, QUICK = measured("4", 200.0, 80.0), measured("1", 50.0, 20.0)
BAD = measured("3", 90.0, 60.0)
ALL = [DEFAULT, FAST, QUICK, BAD]


def test_drift_is_taken_out_by_ratios_to_the_window_before() -> None:
    pairs = [
        Pair(1, load(10, 8.0), load(10, 16.0)),
        Pair(16, load(100, 40.0), load(200, 20.0)),
        Pair(64, load(25, 160.0), load(50, 160.0, failures=1)),
    ]
    default = reference(pairs)
    assert default.images_per_second == pytest.approx(50.0)
    assert (default.p99_ms, default.alone_ms, default.failures) == (40.0, 4.0, 0)
    found = relative({"workers": "4"}, pairs, default)
    assert found.images_per_second == pytest.approx(100.0)
    assert (found.p99_ms, found.alone_ms, found.failures) == (20.0, 8.0, 1)


def test_the_front_has_what_nothing_dominates() -> None:
    assert front(ALL) == [QUICK, DEFAULT, FAST]
    assert DEFAULT.dominates(BAD)
    assert not DEFAULT.dominates(DEFAULT)


@pytest.mark.parametrize(
    ("p99_ms", "expected"),
    [
        (80.0, Choice(FAST, meets=True, worth_it=True)),
        (79.9, Choice(DEFAULT, meets=True, worth_it=False)),
        (39.9, Choice(QUICK, meets=True, worth_it=True)),
        (19.9, Choice(QUICK, meets=False, worth_it=True)),
    ],
)
def test_the_fastest_that_meets_the_target_else_the_lowest_p99(
    p99_ms: float, expected: Choice
) -> None:
    assert choose(DEFAULT, ALL[1:], p99_ms) == expected


@pytest.mark.parametrize(("speed", "worth_it"), [(102.9, False), (103.1, True)])
def test_a_gain_within_noise_is_none(speed: float, worth_it: bool) -> None:
    assert choose(DEFAULT, [measured("4", speed, 40.0)], 50.0).worth_it is worth_it


def test_what_failed_is_not_chosen() -> None:
    assert choose(DEFAULT, [measured("4", 200.0, 40.0, failures=1)], 50.0).best is DEFAULT


def test_the_table_and_the_verdict() -> None:
    choice = choose(DEFAULT, ALL[1:], 80.0)
    lines = table(ALL, choice).splitlines()
    assert lines[2] == "| workers=1 | 50.0 | 20.0 | 5.0 | 0 | Pareto |"
    assert lines[4] == "| workers=3 | 90.0 | 60.0 | 5.0 | 0 | dominated by defaults |"
    assert lines[5] == "| workers=4 | 200.0 | 80.0 | 5.0 | 0 | Pareto; best |"
    assert verdict(choice, DEFAULT, 80.0) == (
        "best: workers=4; the defaults give 50 % of its images/s with 50 % of its p99"
    )
    assert verdict(choose(DEFAULT, [], 10.0), DEFAULT, 10.0) == (
        "a p99 of 10 ms cannot be met here; the lowest is 40.0 ms\n"
        "the defaults are best (nothing is better by 3% or more)"
    )
