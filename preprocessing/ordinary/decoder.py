"""Decodes an ordinary image that costs little, in the worker itself."""

import time
from io import BytesIO

from PIL import Image

from preprocessing.decode import Decoded, decode_scaled, draft, load, open_image
from preprocessing.decode_limits import DecodeLimits
from preprocessing.encoded import Encoded
from preprocessing.fast_jpeg import decode_jpeg, divisor_for, is_soon_decoded
from preprocessing.isolated.formats import FORMATS
from preprocessing.ordinary import OrdinaryImage, recognise
from preprocessing.ordinary.image import NotOrdinary
from preprocessing.orientation import UPRIGHT, Box
from preprocessing.pixels import Pixels

MAX_BYTES = {"JPEG": 8 * 1024 * 1024, "PNG": 8 * 1024 * 1024, "WEBP": 1024 * 1024}
"""Of a file. A byte of a WebP costs eight times as much as one of a JPEG
(hostile/costliest.py)."""

MAX_PIXELS = {"JPEG": 5_000_000, "PNG": 2_100_000, "WEBP": 2_100_000}
"""That decoding computes: 1920 x 1080 where a pixel costs much. A phone's JPEG has fewer, since it
is decoded at a part of its size."""

MAX_FULL_PIXELS = 25_000_000
"""Of a file, times its passes: pixels that scaled decoding skips count, too."""

MAX_SECONDS, MAX_SECONDS_PER_PIXEL = 0.01, 5e-8
"""Of processor time while a decoder reads; three times what it takes. A megabyte in a PNG can be
made to take a sixth of a second and to give no pixel."""

_PIECE_BYTES = 4096
"""A decoder that reads this much at a time reads pixels."""


def decode_ordinary(
    encoded: Encoded, limits: DecodeLimits, least_side: int | None
) -> Decoded[Image.Image] | Decoded[Pixels] | None:
    """Decode an ordinary image (:mod:`preprocessing.ordinary`) that costs little.

    Returns:
        None if it is not ordinary: then ``decode_scaled``, which takes the same arguments, has to
        decode it, in a process whose time and memory are bounded.

    Raises:
        ImageError: as ``decode_scaled``.
    """
    if len(encoded) > max(MAX_BYTES.values()):
        return None
    image = recognise(bytes(encoded))
    if image is None or not _is_cheap(image):
        return None
    decoded = _upright_jpeg(image, limits, least_side)
    if decoded is not None:
        return decoded
    try:
        opened = open_image(_Metered(image), (image.format,))
        drafted = draft(opened, limits, least_side)
        if opened.width * opened.height > MAX_PIXELS[image.format]:
            return None
        return load(opened, drafted, image.orientation)
    except NotOrdinary:
        return None


def decode_trusted(
    encoded: Encoded,
    limits: DecodeLimits,
    least_side: int | None,
    formats: tuple[str, ...] = FORMATS,
) -> Decoded[Image.Image] | Decoded[Pixels]:
    """Decode a trusted file as the service does, but in this process and without bounds.

    Raises:
        ImageError: as ``decode_scaled``, which takes the same arguments.
    """
    ordinary = decode_ordinary(encoded, limits, least_side)
    return ordinary or decode_scaled(encoded, limits, least_side, formats)


def _is_cheap(image: OrdinaryImage) -> bool:
    """Whether its size and passes are within the bounds; its header is not read yet."""
    return (
        len(image.content) <= MAX_BYTES[image.format]
        and image.width * image.height * image.passes <= MAX_FULL_PIXELS
    )


class _Metered(BytesIO):
    """A file that raises NotOrdinary when reading it takes this thread longer than it should.

    Decoders of PNGs and JPEGs read 64 KB at a time.
    """

    def __init__(self, image: OrdinaryImage) -> None:
        super().__init__(image.content)
        pixels = image.width * image.height
        seconds = MAX_SECONDS + MAX_SECONDS_PER_PIXEL * pixels
        self._end = time.thread_time() + seconds

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size >= _PIECE_BYTES and time.thread_time() > self._end:
            raise NotOrdinary
        return super().read(size)


def _upright_jpeg(
    image: OrdinaryImage, limits: DecodeLimits, least_side: int | None
) -> Decoded[Pixels] | None:
    """Decode an ordinary JPEG that is stored upright; None if Pillow has to decode it.

    Raises:
        ImageError: it is over a limit.
    """
    if image.format != "JPEG" or image.orientation != UPRIGHT or not is_soon_decoded(image):
        return None
    size = image.width, image.height
    divisor = divisor_for(min(size), least_side)
    width, height = (-(-side // divisor) for side in size)
    limits.check(size, (width, height))
    if width * height > MAX_PIXELS[image.format]:
        return None
    pixels = decode_jpeg(image.content, width, height, divisor)
    if pixels is None:
        return None
    return Decoded(pixels, Box(0, 0, size[0] / divisor, size[1] / divisor), divisor)
