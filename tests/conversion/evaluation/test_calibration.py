import numpy as np
import pytest

from conversion.evaluation.calibration import (
    TEMPERATURES,
    Calibration,
    calibrate,
    curve,
    least_confidence,
)
from conversion.evaluation.scores import Prediction, wilson_interval

CLASSES = 5


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    shares: np.ndarray = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def predictions(count: int, temperature: float) -> list[Prediction]:
    """Of a model whose logits must be divided by a temperature to be true, drawn by a seed."""
    random = np.random.default_rng(0)
    logits = random.normal(0, 3, (count, CLASSES))
    told = softmax(logits * temperature).astype(np.float32)
    found = []
    for row, truth in zip(told, softmax(logits), strict=True):
        class_id = int(random.choice(CLASSES, p=truth))
        best = tuple(np.argsort(-row).tolist())
        found.append(Prediction(class_id, best, float(row.max()), curve(row, class_id)))
    return found


def found(count: int, temperature: float, precision: float | None = None) -> Calibration:
    calibration = calibrate(predictions(count, temperature), precision)
    assert calibration is not None
    return calibration


def test_a_curve_has_the_confidence_and_the_likelihood_at_each_temperature() -> None:
    logits = np.array([1.0, 4.0, 2.0, 0.0])
    kept = curve(softmax(logits).astype(np.float32), 2)
    for place in (0, 80, 160):
        expected = softmax(logits / TEMPERATURES[place])
        assert np.exp(-kept.log_sums[place]) == pytest.approx(expected[1], rel=1e-4)
        loss = kept.log_sums[place] + kept.gap / TEMPERATURES[place]
        assert loss == pytest.approx(-np.log(expected[2]), rel=1e-4)


def test_the_temperatures_have_1_in_their_midst() -> None:
    assert TEMPERATURES[80] == 1.0
    assert TEMPERATURES[[0, -1]] == pytest.approx([0.2051, 4.8754], abs=1e-4)


def test_a_probability_of_zero_has_a_likelihood() -> None:
    kept = curve(np.array([1.0, 0.0], np.float32), 1)
    assert kept.gap == pytest.approx(87.34, abs=0.01)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_the_temperature_that_makes_confidences_true_is_found(temperature: float) -> None:
    calibration = found(4000, temperature)
    assert calibration.temperature == pytest.approx(temperature, rel=0.06)
    assert calibration.of_halves == pytest.approx((temperature, temperature), rel=0.1)
    assert calibration.error_after < 0.03
    if temperature != 1:
        assert calibration.error_before > 2 * calibration.error_after
    assert not calibration.is_at_an_end


def test_a_temperature_beyond_those_that_are_tried_is_told() -> None:
    assert found(400, 30.0).is_at_an_end


def test_a_few_photographs_say_nothing() -> None:
    assert calibrate(predictions(39, 1.0)) is None
    assert calibrate(predictions(40, 1.0)) is not None


def test_photographs_without_a_curve_are_left_out() -> None:
    unlabelled = Prediction(None, (0,), 0.9)
    assert calibrate([*predictions(40, 1.0), unlabelled]) == calibrate(predictions(40, 1.0))


def test_a_threshold_has_the_precision_of_photographs_that_it_was_not_chosen_on() -> None:
    calibration = found(4000, 0.5, precision=0.9)
    threshold = calibration.calibrated_threshold
    assert threshold is not None
    low, high = threshold.interval
    assert low < 0.9 < high
    assert threshold.interval == wilson_interval(threshold.right, threshold.answered)
    assert 0 < threshold.answered < threshold.photographs == 4000
    # The model is less confident than right, which the temperature mends.
    assert calibration.threshold is not None
    assert calibration.threshold.value < threshold.value


def test_a_precision_that_nothing_reaches_has_no_threshold() -> None:
    wrong = [each._replace(class_id=(each.best[0] + 1) % CLASSES) for each in predictions(40, 1.0)]
    calibration = calibrate(wrong, 0.5)
    assert calibration is not None
    assert (calibration.precision, calibration.threshold) == (0.5, None)
    assert calibration.calibrated_threshold is None


def answered(*rows: tuple[float, bool]) -> list[Prediction]:
    return [Prediction(0, (0 if right else 1,), confidence) for confidence, right in rows]


@pytest.mark.parametrize(
    ("precision", "least"), [(1.0, 0.9), (0.75, 0.6), (0.6, 0.5), (0.5, 0.5), (0.8, 0.9)]
)
def test_the_least_confidence_answers_most_photographs(precision: float, least: float) -> None:
    rows = answered((0.9, True), (0.8, False), (0.7, True), (0.6, True), (0.5, False))
    assert least_confidence(rows, precision) == least


def test_equal_confidences_are_answered_together() -> None:
    rows = answered((0.9, True), (0.5, True), (0.5, False), (0.5, False))
    assert least_confidence(rows, 0.6) == 0.9
    assert least_confidence(rows, 0.5) == 0.5


def test_no_confidence_is_enough_if_the_highest_is_wrong() -> None:
    assert least_confidence(answered((0.9, False), (0.8, False)), 0.5) is None
