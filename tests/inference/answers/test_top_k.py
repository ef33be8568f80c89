import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from inference.answers.top_k import best_classes, prediction

# Few different values: many are equal.
PROBABILITIES = st.lists(st.sampled_from([0.0, 0.1, 0.25, 1.0]), min_size=1, max_size=40)


def test_the_best_come_first_and_equal_ones_by_class_id() -> None:
    probabilities = np.array([0.1, 0.3, 0.2, 0.3, 0.1], np.float32)
    assert best_classes(probabilities, 4) == [1, 3, 2, 0]


@given(PROBABILITIES, st.data())
def test_they_are_those_that_a_stable_sort_puts_first(
    values: list[float], data: st.DataObject
) -> None:
    probabilities = np.array(values, np.float32)
    count = data.draw(st.integers(1, len(values)))
    expected = np.argsort(-probabilities, kind="stable")[:count]
    assert best_classes(probabilities, count) == expected.tolist()


def test_a_prediction_is_the_best_class_and_those_behind_it() -> None:
    probabilities = np.array([0.25, 0.1234567, 0.5], np.float32)
    first = {"class_id": 2, "label": "c", "confidence": 0.5}
    second = {"class_id": 0, "label": "a", "confidence": 0.25}
    third = {"class_id": 1, "label": "b", "confidence": 0.123457}
    assert prediction(probabilities, "abc", 3) == {**first, "predictions": [first, second, third]}
    assert prediction(probabilities, "abc", 1)["predictions"] == [first]
