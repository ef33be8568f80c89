import pytest

from conversion.evaluation.comparison import compare, mcnemar, paired_interval
from conversion.evaluation.scores import Prediction


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


def test_the_interval_is_the_bootstraps() -> None:
    # Normal approximation: 0.02 ± 1.96 × sqrt((0.04 - 0.02²) / 1000).
    low, high = paired_interval(30, 10, 1000)
    assert low == pytest.approx(0.02 - 0.0123, abs=1e-3)
    assert high == pytest.approx(0.02 + 0.0123, abs=1e-3)
    assert paired_interval(30, 10, 1000) == (low, high)


def test_models_that_never_differ_may_yet_differ_elsewhere() -> None:
    # Clopper and Pearson, 0 of 10: up to 30.85 %.
    assert paired_interval(0, 0, 10) == pytest.approx((-0.3085, 0.3085), abs=1e-4)


@pytest.mark.parametrize(
    ("only_first", "only_second", "p_value"),
    [(0, 0, 1.0), (5, 5, 1.0), (5, 0, 2 / 32), (0, 5, 2 / 32), (8, 2, 2 * (1 + 10 + 45) / 1024)],
)
def test_mcnemars_test_is_exact(only_first: int, only_second: int, p_value: float) -> None:
    assert mcnemar(only_first, only_second) == p_value


def test_mcnemars_test_takes_thousands_of_photographs() -> None:
    assert mcnemar(3000, 3000) == 1.0
    assert mcnemar(3000, 0) == 0.0
