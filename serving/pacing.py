"""Refusals at a bounded rate."""

import asyncio
import time

REFUSALS_PER_SECOND = 150
"""That a worker answers at most. Each costs up to 0.7 ms of a processor beside busy threads, and
there are clients that ask again at once, whatever ``Retry-After`` says: unbounded, refusing them
took more than half of the throughput from those that were accepted."""

LONGEST_SECONDS = 1.0
"""That a refusal waits at most: what ``Retry-After`` says at least."""


class Pacer:
    """Who comes faster than that waits for its turn.

    Args:
        per_second: that may pass.
        longest: seconds that one waits at most.
    """

    def __init__(
        self, per_second: float = REFUSALS_PER_SECOND, longest: float = LONGEST_SECONDS
    ) -> None:
        self._interval = 1 / per_second
        self._longest = longest
        self._last_turn = 0.0

    async def turn(self, patience: float) -> None:
        """Wait for the next turn.

        Args:
            patience: seconds to wait at most.
        """
        delay = min(self._delay(time.monotonic()), patience)
        if delay > 0:
            await asyncio.sleep(delay)

    def _delay(self, now: float) -> float:
        turn = max(now, self._last_turn + self._interval)
        self._last_turn = min(turn, now + self._longest)
        return self._last_turn - now
