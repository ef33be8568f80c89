"""How much processor time decoding the images of one request may take."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from errors import ImageTooLarge


class DecodeBudget:
    """The processor time that is left to the images of one request.

    Attributes:
        seconds: left.

    Args:
        seconds: for all of them together.
    """

    def __init__(self, seconds: float) -> None:
        self._all = self.seconds = seconds

    def exhausted(self) -> ImageTooLarge:
        """The error of the image for which nothing, or too little, is left."""
        return ImageTooLarge(
            f"decoding the images of the request takes more than {self._all:g} s of processor time"
        )

    def spend(self, seconds: float) -> None:
        """Count what decoding an image took."""
        self.seconds -= seconds

    @contextmanager
    def spending(self) -> Iterator[None]:
        """Count what this thread does here.

        Raises:
            ImageTooLarge: nothing is left.
        """
        if self.seconds <= 0:
            raise self.exhausted()
        started = time.thread_time()
        try:
            yield
        finally:
            self.seconds -= time.thread_time() - started
