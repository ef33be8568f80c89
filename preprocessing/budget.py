"""What decoding costs: the processor time that a request has left, and when each step began."""

import time

from errors import ImageTooLarge


class DecodeTimes:
    """When an image was decoded, in ``time.perf_counter()`` seconds.

    Attributes:
        decode_began: 0 as long as it was not.
        transform_began: the decoding has ended.
        transform_ended: the pixels are there.
    """

    __slots__ = ("decode_began", "transform_began", "transform_ended")

    def __init__(self) -> None:
        self.decode_began = self.transform_began = self.transform_ended = 0.0

    def end_apart(self) -> None:
        """Note that the decoding process, which decodes and transforms in one, gave the pixels."""
        self.transform_began = self.transform_ended = time.perf_counter()


class DecodeBudget:
    """The seconds of processor time that are left to the images of one request."""

    def __init__(self, seconds: float) -> None:
        self._all = self.seconds = seconds

    def exhausted(self) -> ImageTooLarge:
        """The error of the image for which too little is left."""
        return ImageTooLarge(
            f"decoding the images of the request takes more than {self._all:g} s of processor time"
        )

    def spend(self, seconds: float) -> None:
        """Count what decoding an image took."""
        self.seconds -= seconds

    def spending(self) -> "_Spending":
        """Count the processor time that this thread spends inside a ``with``.

        Raises:
            ImageTooLarge: nothing is left.
        """
        if self.seconds <= 0:
            raise self.exhausted()
        return _Spending(self)


class _Spending:
    """Counts a thread's processor time, in a third of the time of ``contextlib.contextmanager``."""

    __slots__ = ("_budget", "_started")

    def __init__(self, budget: DecodeBudget) -> None:
        self._budget = budget

    def __enter__(self) -> None:
        self._started = time.thread_time()

    def __exit__(self, *error: object) -> None:
        self._budget.spend(time.thread_time() - self._started)
