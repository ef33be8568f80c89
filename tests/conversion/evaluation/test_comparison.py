import math

import pytest

from conversion.evaluation.comparison import compare, mcnemar, paired_interval
from conversion.evaluation.scores import Prediction, wilson_interval


def predictions(*pairs: tuple[int | None, int]) -> list[Prediction]:
    return [Prediction(class_id, (best,), 0.5) for class_id, best in pairs]


def test_photographs_without_labels_count_for_agreement_only() -> None:
    first = predictions((0, 0), (0, 0), (0, 1), (1, 1), (None, 2))
    second = predictions((0, 0), (0, 1), (0, 0), (1, 0), (None, 2))
    found = compare(first, second)
    assert (found.photographs, found.agreement) == (5, 0.4)
    assert (found.labelled, found.only_first, found.only_second) == (4, 2, 1)
    assert found.difference == 0.25
    assert found.p_value == 1.0


def test_without_labels_there_is_no_difference() -> None:
    found = compare(predictions((None, 0)), predictions((None, 0)))
    assert (found.agreement, found.labelled) == (1.0, 0)
    assert (found.difference, found.interval, found.p_value) == (None, None, None)


@pytest.mark.parametrize(
    ("only_first", "only_second", "count", "interval"),
    [
        # R: contingencytables::Tango_asymptotic_score_CI_paired_2x2(cavo_2012).
        (6, 16, 161, (-0.1240, -0.0054)),
        # Nearly the normal approximation: 0.02 ± 1.96 × sqrt((0.04 - 0.02²) / 1000).
        (30, 10, 1000, (0.0080, 0.0336)),
    ],
)
def test_the_interval_is_tangos(
    only_first: int, only_second: int, count: int, interval: tuple[float, float]
) -> None:
    assert paired_interval(only_first, only_second, count) == pytest.approx(interval, abs=1e-4)


@pytest.mark.parametrize(("right", "count"), [(0, 10), (1, 400), (5, 10), (10, 10)])
def test_where_only_one_model_is_right_it_ends_as_wilsons_does(right: int, count: int) -> None:
    _, high = wilson_interval(right, count)
    assert paired_interval(right, 0, count)[1] == pytest.approx(high)
    assert paired_interval(0, right, count)[0] == pytest.approx(-high)


@pytest.mark.parametrize("count", [381, 400, 570, 1000, 4000])
def test_a_drop_of_one_point_is_rarely_taken_for_less(count: int) -> None:
    taken = [lost for lost in range(count) if -paired_interval(0, lost, count)[0] < 0.01]
    chances = (math.comb(count, lost) * 0.01**lost * 0.99 ** (count - lost) for lost in taken)
    assert 0 < sum(chances) < 0.025


@pytest.mark.parametrize(
    ("only_first", "only_second", "p_value"),
    [(0, 0, 1.0), (5, 5, 1.0), (5, 0, 2 / 32), (0, 5, 2 / 32), (8, 2, 2 * (1 + 10 + 45) / 1024)],
)
def test_mcnemars_test_is_exact(only_first: int, only_second: int, p_value: float) -> None:
    assert mcnemar(only_first, only_second) == p_value


def test_mcnemars_test_takes_thousands_of_photographs() -> None:
    assert mcnemar(3000, 3000) == 1.0
    assert mcnemar(3000, 0) == 0.0
