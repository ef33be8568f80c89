"""What a worker and its decoding process tell each other.

The encoded image and the pixels lie in memory that both see. Sent are only a request, which
says how large the image is and what decoding it may cost, and a reply, which says what came of it.
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
"""Offset of the byte that is 1 while an image is decoded, so that a process that ends with a
request unanswered is told from one that ends between two."""

STARTED, SECONDS = 8, struct.Struct("=d")
"""Offset of the processor time that the process had taken before that image."""


@dataclass(frozen=True)
class Setup:
    """What a decoding process is started with.

    Attributes:
        least_side: pixels that the shorter side of a scaled JPEG keeps; None: none is scaled.
        memory_bytes: that decoding may take, beyond what the process has anyway.
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

        Notes ``times`` and what it takes of the request's ``budget``.

        Returns:
            What the model takes, and what it was made of; None if the image is to be decoded in a
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
        """Height, width and channels of what the model takes."""
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
"""A setup as it stands in the command line of the process."""


class Reply(Frozen):
    """What came of a request.

    Attributes:
        seconds: of processor time that it took, however it ended.
        code: of the error; None: the pixels are there.
        message: of the error.
        out_of_memory: whether it took more memory than it may.
        signal: that ended the process; 0 if it ended by itself.
        size: width and height of the photograph, upright, in pixels; None without pixels.
    """

    seconds: float = 0.0
    code: str | None = None
    message: str = ""
    out_of_memory: bool = False
    signal: int | None = None
    size: tuple[int, int] | None = None
