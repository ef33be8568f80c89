"""The account of a container that is stopped under load; container.sh runs the rest."""

import pytest

from load_generator.known_images import Outcome
from resilience.faults.container import account
from resilience.faults.load import Exchange

STOPPED = 100.0
DRAINED = STOPPED + 1.0  # when the drain is over, by default
SPANNING = Exchange(STOPPED - 0.5, DRAINED + 0.5, Outcome.RIGHT)
REFUSED = Exchange(DRAINED + 0.1, DRAINED + 0.1, Outcome.LOST, "refused")


def test_what_was_in_flight_is_counted() -> None:
    early = Exchange(STOPPED - 2, STOPPED - 1, Outcome.RIGHT)
    assert account([early, SPANNING, REFUSED], STOPPED) == (
        "2 batches answered, of them 1 in flight at the stop "
        "and 1 when no connection was taken any more; 0 lost"
    )


@pytest.mark.parametrize("begun", [STOPPED - 1, STOPPED, DRAINED - 0.2])
def test_nothing_may_be_lost_that_was_sent_during_the_drain(begun: float) -> None:
    lost = Exchange(begun, DRAINED, Outcome.LOST, "reset")
    with pytest.raises(SystemExit, match=r"FAILED: lost .*reset"):
        account([SPANNING, REFUSED, lost], STOPPED)


def test_a_wrong_answer_is_told() -> None:
    wrong = Exchange(STOPPED - 2, STOPPED - 1, Outcome.WRONG, "500")
    with pytest.raises(SystemExit, match=r"wrong .*500"):
        account([SPANNING, REFUSED, wrong], STOPPED)


@pytest.mark.parametrize(
    "exchange",
    [
        Exchange(STOPPED + 0.1, DRAINED + 0.5, Outcome.RIGHT),
        Exchange(STOPPED - 0.5, STOPPED + 0.5, Outcome.RIGHT),
        Exchange(STOPPED - 0.5, DRAINED + 0.5, Outcome.REFUSED),
    ],
    ids=["not at the stop", "not after the drain", "refused"],
)
def test_a_stop_with_nothing_in_flight_proves_nothing(exchange: Exchange) -> None:
    with pytest.raises(SystemExit, match="in flight at the stop"):
        account([exchange, REFUSED], STOPPED)
