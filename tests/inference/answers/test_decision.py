import numpy as np
import pytest

from inference.answers.decision import decision, thresholds_for

LABELS = ("cat", "dog", "bird")


def row(*probabilities: float) -> np.ndarray:
    return np.array(probabilities, np.float32)


def decided(
    probabilities: np.ndarray, *values: float, multi_label: bool = False
) -> tuple[str | list[str] | None, str | None]:
    thresholds = thresholds_for(values, len(LABELS))
    assert thresholds is not None
    answer = decision(probabilities, thresholds, LABELS, multi_label=multi_label)
    assert list(answer) == ["decision", "reason"]
    return answer["decision"], answer["reason"]


def test_without_thresholds_there_is_nothing_to_decide() -> None:
    assert thresholds_for((), 3) is None


def test_the_label_is_decided_on_if_its_confidence_reaches_the_threshold() -> None:
    assert decided(row(0.2, 0.7, 0.1), 0.6) == ("dog", None)
    assert decided(row(0.2, 0.7, 0.1), 0.0) == ("dog", None)


def test_a_lower_confidence_decides_on_nothing_and_says_why() -> None:
    reason = "the confidence 0.7 in 'dog' is below its threshold 0.75"
    assert decided(row(0.2, 0.7, 0.1), 0.75) == (None, reason)


def test_the_threshold_is_the_most_probable_class_own() -> None:
    probabilities = row(0.2, 0.7, 0.1)
    assert decided(probabilities, 0.1, 0.7, 0.1) == ("dog", None)
    assert decided(probabilities, 0.1, 0.8, 0.1)[0] is None


def test_a_confidence_is_compared_as_it_is_told() -> None:
    # 0.7 as float32 is a little less, and the answer says 0.7.
    assert float(np.float32(0.7)) < 0.7
    assert decided(row(0.2, 0.7, 0.1), 0.7) == ("dog", None)
    assert decided(row(0.2, 0.7, 0.7), 0.7, multi_label=True) == (["dog", "bird"], None)


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ((0.5,), ["bird", "cat"]),
        ((0.0,), ["bird", "cat", "dog"]),
        ((0.7, 0.1, 0.9), ["bird", "dog"]),
    ],
)
def test_of_several_labels_at_once_all_that_reach_theirs_are_decided_on(
    values: tuple[float, ...], labels: list[str]
) -> None:
    assert decided(row(0.6, 0.2, 0.9), *values, multi_label=True) == (labels, None)


def test_of_several_labels_at_once_none_may_do() -> None:
    reason = "no confidence reaches the threshold of its class"
    assert decided(row(0.6, 0.2, 0.9), 0.95, multi_label=True) == ([], reason)


def test_equal_confidences_are_in_the_order_of_the_class_ids() -> None:
    assert decided(row(0.5, 0.5, 0.5), 0.5, multi_label=True)[0] == ["cat", "dog", "bird"]
    assert decided(row(0.5, 0.5, 0.5), 0.5)[0] == "cat"
