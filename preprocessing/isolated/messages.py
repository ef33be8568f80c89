"""Messages between a worker and its decoding process.

The encoded image and the pixels are in shared memory. A request says how large the image is, and
what decoding it may cost. A reply says how that ended.
"""

import mmap
import struct
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from model_spec import Preprocessing
from preprocessing.budget import DecodeBudget, DecodeTimes
from preprocessing.decode import Decoded
from preprocessing.decode_limits import DecodeLimits
from preprocessing.encoded import Encoded
from preprocessing.ordinary.decoder import decode_ordinary
from preprocessing.pixels import Pixels
from preprocessing.transform import least_side, transform
from preprocessing_spec import Frozen

if TYPE_CHECKING:
    from settings import Settings

REQUEST = struct.Struct("=Qdd")
"""Bytes of the image; seconds of processor time and of the clock that decoding may take."""

MAX_REPLY_BYTES = 4096

BUSY = 0
"""Offset of the byte that is 1 while an image is decoded: a process that ends then has left a
request unanswered."""

STARTED, SECONDS = 8, struct.Struct("=d")
"""Offset of the processor time that the process had taken before this image."""


@dataclass(frozen=True)
class Setup:
    """How images are decoded and transformed, and within which limits.

    Attributes:
        least_side: pixels that the shorter side of a scaled JPEG keeps; None: none is scaled.
        memory_bytes: that decoding may take, beyond what the process takes without an image.
        max_encoded_bytes: of one image.
    """

    preprocessing: Preprocessing
    limits: DecodeLimits
    least_side: int | None
    memory_bytes: int
    max_encoded_bytes: int

    @classmethod
    def from_settings(cls, preprocessing: Preprocessing, settings: "Settings") -> "Setup":
        """For a model, with the limits of the service."""
        return cls(
            preprocessing=preprocessing,
            limits=DecodeLimits(settings.max_pixels, settings.max_aspect_ratio),
            least_side=least_side(preprocessing) if settings.scaled_decode else None,
            memory_bytes=settings.decode_memory_bytes,
            max_encoded_bytes=settings.max_body_bytes,
        )

    def ordinary(
        self, encoded: Encoded, budget: DecodeBudget, times: DecodeTimes
    ) -> tuple[Pixels, Decoded[Any]] | None:
        """Decode and transform an ordinary image here, in the caller's own thread.

        Fills in ``times``, and counts its processor time in the request's ``budget``.

        Returns:
            The model's pixels, and the photograph; None if the image has to be decoded in a
            process of its own.

        Raises:
            ImageError: it is not an image the service takes.
        """
        with budget.spending():
            times.decode_began = time.perf_counter()
            decoded = decode_ordinary(encoded, self.limits, self.least_side)
            if decoded is None:
                return None
            times.transform_began = time.perf_counter()
            pixels = transform(decoded.image, self.preprocessing, decoded.box)
        times.transform_ended = time.perf_counter()
        return pixels, decoded

    @property
    def pixels_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the model's pixels."""
        return self.preprocessing.pixels_shape

    @property
    def pixels_start(self) -> int:
        """Offset of the pixels in the shared memory."""
        return mmap.PAGESIZE

    @property
    def encoded_start(self) -> int:
        """Offset of the encoded image in the shared memory; on a page of its own."""
        height, width, channels = self.pixels_shape
        pages = -(-height * width * channels // mmap.PAGESIZE)
        return self.pixels_start + pages * mmap.PAGESIZE

    @property
    def memory_size(self) -> int:
        """Bytes of the shared memory; the kernel makes room only for those that are used."""
        return self.encoded_start + self.max_encoded_bytes


SETUP_JSON = TypeAdapter(Setup)
"""A setup in the command line of the process."""


class Reply(Frozen):
    """How a request ended.

    Attributes:
        seconds: of processor time that it took.
        code: of the error; None without one.
        message: of the error.
        out_of_memory: whether it needed more memory than it may take.
        signal: that ended the process; 0 if it ended by itself.
        size: width and height of the photograph, upright, in pixels; None without pixels.
    """

    seconds: float = 0.0
    code: str | None = None
    message: str = ""
    out_of_memory: bool = False
    signal: int | None = None
    size: tuple[int, int] | None = None
