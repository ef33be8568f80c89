import pytest

from errors import ImageTooLarge
from preprocessing.budget import DecodeBudget


def test_what_is_spent_is_missing_afterwards() -> None:
    budget = DecodeBudget(2.0)

    budget.spend(0.5)
    assert budget.seconds == 1.5
    with budget.spending():
        sum(range(100_000))
    assert 0.0 < budget.seconds < 1.5


def test_time_counts_when_decoding_fails_too() -> None:
    budget = DecodeBudget(2.0)

    with pytest.raises(ZeroDivisionError), budget.spending():
        sum(range(100_000)) // 0
    assert budget.seconds < 2.0


def test_with_nothing_left_nothing_is_begun() -> None:
    budget = DecodeBudget(2.0)
    budget.spend(2.0)

    with pytest.raises(ImageTooLarge) as caught, budget.spending():
        pytest.fail("nothing is left")
    assert caught.value.message == (
        "decoding the images of the request takes more than 2 s of processor time"
    )
