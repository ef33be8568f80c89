import math

import pytest

from inference.answers.drift import (
    LEAST,
    WINDOW,
    Drift,
    confidence_bin,
    most_common,
    reference_of,
    stability_index,
)


@pytest.mark.parametrize(("confidence", "index"), [(0.0, 0), (0.0999, 0), (0.1, 1), (1.0, 9)])
def test_a_confidence_falls_into_one_of_ten_bins(confidence: float, index: int) -> None:
    assert confidence_bin(confidence) == index


def test_a_reference_counts_classes_and_confidences() -> None:
    reference = reference_of([(7, 0.95), (2, 0.15), (7, 1.0)])
    assert reference.classes == {7: 2, 2: 1}
    assert reference.confidences == (0, 1, 0, 0, 0, 0, 0, 0, 0, 2)


def test_the_index_is_the_sum_over_the_bins_with_half_an_image_added() -> None:
    # Shares of 1/4 and 3/4 against 3/4 and 1/4.
    assert stability_index([0, 1], [1, 0]) == pytest.approx(2 * 0.5 * math.log(3))
    assert stability_index([3, 5], [3, 5]) == 0.0


def test_all_but_the_most_frequent_classes_share_a_bin() -> None:
    reference = reference_of(
        [(class_id, 0.5) for class_id in range(30) for _ in range(class_id + 1)]
    )
    assert most_common(reference) == list(range(29, 9, -1))


def answered(drift: Drift, answers: list[tuple[int, float]], times: int) -> None:
    for _ in range(times):
        for class_id, confidence in answers:
            drift.add(class_id, confidence)


def test_the_same_answers_are_no_drift_and_others_are_it() -> None:
    usual = [(0, 0.95), (1, 0.85)]
    drift = Drift(reference_of(usual * (WINDOW // 2)))
    answered(drift, usual, WINDOW // 2)
    assert drift.indices() == (0.0, 0.0)
    answered(drift, [(5, 0.95)], WINDOW)
    found = drift.indices()
    assert found is not None
    assert found[0] > 5
    assert 0.25 < found[1] < found[0]


def test_few_answers_say_nothing() -> None:
    drift = Drift(reference_of([(0, 0.5)]))
    answered(drift, [(0, 0.5)], LEAST - 1)
    assert drift.indices() is None
    drift.add(0, 0.5)
    assert drift.indices() is not None
