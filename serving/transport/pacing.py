"""Refusals, each in its turn."""

import asyncio
import time

REFUSALS_PER_SECOND = 200
"""That a worker answers at once. Each costs up to 0.7 ms of a processor beside busy threads, and
there are clients that ask again at once, whatever ``Retry-After`` says: refusing them took more
than half of the throughput from those that were accepted."""

LONGEST_SECONDS = 1.0
"""That a refusal waits at most: what ``Retry-After`` says at least."""


class Pacer:
    """Who comes too soon behind the one before waits for its turn.

    Args:
        per_second: turns.
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
            patience: seconds; who has less than that would take is let through at once.
        """
        now = time.monotonic()
        turn = min(max(now, self._last_turn + self._interval), now + self._longest)
        if turn - now > patience:
            return
        self._last_turn = turn
        if turn > now:
            await asyncio.sleep(turn - now)
