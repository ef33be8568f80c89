import pytest

from conversion.evaluation.scores import (
    ClassScore,
    Confusion,
    Prediction,
    calibration_error,
    scores,
    wilson_interval,
)


def predicted(class_id: int | None, *best: int, confidence: float = 0.5) -> Prediction:
    return Prediction(class_id, best, confidence)


def test_scores_count_what_has_a_label() -> None:
    found = scores(
        [
            predicted(0, 0, 1, 2, 3, 4, confidence=0.9),
            predicted(0, 1, 0, 2, 3, 4, confidence=0.7),
            predicted(5, 1, 0, 2, 3, 4, confidence=0.4),
            predicted(1, 1, 0, 2, 3, 4, confidence=0.8),
            predicted(None, 3, 0, 2, 1, 4),
        ],
        classes=6,
    )
    assert found is not None
    assert (found.photographs, found.top_1, found.top_5) == (4, 0.5, 0.75)
    assert found.mean_confidence == pytest.approx(0.7)
    # Four bins of one photograph each: 0.1, 0.7, 0.4 and 0.2 apart.
    assert found.calibration_error == pytest.approx(0.35)


def test_the_worst_classes_and_confusions_come_first() -> None:
    found = scores(
        [
            *(predicted(0, 1) for _ in range(3)),
            predicted(0, 0),
            *(predicted(1, 2) for _ in range(2)),
            predicted(2, 0),
            predicted(3, 3),
        ],
        classes=4,
    )
    assert found is not None
    assert found.worst == (ClassScore(1, 0, 2), ClassScore(2, 0, 1), ClassScore(0, 1, 4))
    assert found.confusions == (Confusion(0, 1, 3), Confusion(1, 2, 2), Confusion(2, 0, 1))


def test_five_classes_have_no_top_5() -> None:
    found = scores([predicted(0, 0, 1, 2, 3, 4)], classes=5)
    assert found is not None
    assert found.top_5 is None


def test_without_labels_there_are_no_scores() -> None:
    assert scores([predicted(None, 0)], classes=3) is None


def test_confidences_of_one_bin_are_taken_together() -> None:
    # Both in the bin from 14/15 to 1: |0.5 - 0.97|.
    together = [predicted(0, 0, confidence=0.98), predicted(0, 1, confidence=0.96)]
    assert calibration_error(together) == pytest.approx(0.47)


def test_a_bins_upper_edge_belongs_to_it() -> None:
    # 0.2 is 3/15; in the same bin as 0.19, not as 0.21: |0.5 - 0.195| and |0 - 0.21|.
    edge = [
        predicted(0, 0, confidence=0.2),
        predicted(0, 1, confidence=0.19),
        predicted(0, 1, confidence=0.21),
    ]
    assert calibration_error(edge) == pytest.approx((2 * 0.305 + 0.21) / 3)


@pytest.mark.parametrize(
    ("right", "count", "interval"),
    # R: binom::binom.wilson; 0 of 10 and 10 of 10 as published.
    [(0, 10, (0.0, 0.2775)), (10, 10, (0.7225, 1.0)), (81, 263, (0.2553, 0.3662))],
)
def test_the_interval_is_wilsons(right: int, count: int, interval: tuple[float, float]) -> None:
    assert wilson_interval(right, count) == pytest.approx(interval, abs=1e-4)
