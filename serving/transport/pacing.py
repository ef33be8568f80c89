"""Delays refusals, so that clients that retry at once cannot take all processor time."""

import time

REFUSALS_PER_SECOND = 200
"""Refusals that a worker sends without delay. Each costs up to 0.7 ms of processor time, and some
clients ignore ``Retry-After``: without delays, refusals cost more than half of the throughput."""

LONGEST_SECONDS = 1.0
"""A refusal waits this long at most: the smallest value of ``Retry-After``."""


class Pacer:
    """Delays refusals beyond ``per_second``.

    Args:
        per_second: refusals.
        longest: seconds that a refusal waits at most.
    """

    def __init__(
        self, per_second: float = REFUSALS_PER_SECOND, longest: float = LONGEST_SECONDS
    ) -> None:
        self._interval = 1 / per_second
        self._longest = longest
        self._last_turn = 0.0

    def wait(self, timeout: float) -> float:
        """Take the next turn; returns the seconds until it comes.

        Args:
            timeout: seconds until the client's deadline; a longer wait is skipped.
        """
        now = time.monotonic()
        turn = min(max(now, self._last_turn + self._interval), now + self._longest)
        if turn - now > timeout:
            return 0.0
        self._last_turn = turn
        return turn - now
