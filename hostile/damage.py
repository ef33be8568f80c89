"""Valid files, truncated or with flipped bits."""

import asyncio
import atexit
import functools
import random
import time
from dataclasses import dataclass

from errors import ImageError
from harness.toys import LABELS, encoded, toy_preprocessing
from harness.toys import RED as COLOUR
from hostile.images.files import CORRUPT, UNSUPPORTED
from hostile.images.heic import HEICS, small
from hostile.requests.expected import RED, Outcome, refused
from preprocessing import decode_ordinary, transform
from preprocessing.budget import DecodeBudget
from preprocessing.isolated.decoder import IsolatedDecoder
from preprocessing.isolated.messages import Setup
from preprocessing.pixels import Pixels
from settings import Settings

PIECES = 64
FLIPPED = 64

_SIZE = (64, 48)

_SETTINGS = Settings()
_SETUP = Setup.from_settings(toy_preprocessing(), _SETTINGS)
_PATIENCE = 60.0  # seconds of the clock, while the limit is of processor time


@dataclass(frozen=True)
class Sound:
    """A file that is whole, of a red image."""

    content: bytes
    start: int  # bytes at the start that show the format
    end: int  # bytes at the end that the pixels do not need

    def cut(self, length: int) -> Outcome:
        """The expected outcome of its first bytes."""
        if length < self.start:
            return UNSUPPORTED
        return CORRUPT if length < len(self.content) - self.end else RED


SOUND = {
    "JPEG": Sound(encoded(COLOUR, _SIZE, "JPEG"), start=3, end=0),
    # Of the last 21 bytes 16 are checksums and the end, 5 the end of the compressed data.
    "PNG": Sound(encoded(COLOUR, _SIZE, "PNG"), start=8, end=21),
    "GIF": Sound(encoded(COLOUR, _SIZE, "GIF"), start=6, end=2),
    "WebP": Sound(encoded(COLOUR, _SIZE, "WEBP"), start=16, end=0),
    "AVIF": Sound(encoded(COLOUR, _SIZE, "AVIF"), start=12, end=0),
    **({"HEIC": Sound(small(), start=12, end=0)} if HEICS else {}),
}


def truncations(name: str) -> list[tuple[bytes, Outcome]]:
    """A file cut at every 1/64 of its length, with the expected outcome of each piece."""
    sound = SOUND[name]
    lengths = [len(sound.content) * i // PIECES for i in range(1, PIECES)]
    return [(sound.content[:length], sound.cut(length)) for length in lengths]


def flips(name: str) -> list[tuple[bytes, Outcome]]:
    """Copies of a file with one to four flipped bits, each with the outcome of decoding it."""
    chance = random.Random(name)
    damaged = [_flipped(SOUND[name].content, chance) for _ in range(FLIPPED)]
    return [(content, decoded_alone(content)) for content in damaged]


def decoded_alone(content: bytes) -> Outcome:
    """The class or error that decoding gives, without a service."""
    try:
        pixels = _pixels(content)
    except ImageError as error:
        return refused(type(error))
    return Outcome(200, LABELS[int(pixels.mean(axis=(0, 1)).argmax())])


def _pixels(content: bytes) -> Pixels:
    """As the service decodes: in place, or in the process whose time and memory are bounded."""
    decoded = decode_ordinary(content, _SETUP.limits, _SETUP.least_side)
    if decoded is not None:
        return transform(decoded.image, _SETUP.preprocessing, decoded.box)
    return pixels_apart(content, DecodeBudget(_SETTINGS.decode_seconds))


def pixels_apart(content: bytes, budget: DecodeBudget) -> Pixels:
    """Decode in the process whose time and memory are bounded.

    A ClassifierError if it cannot be decoded, or takes more than the budget.
    """
    loop, decoder = _decoding_process()
    return loop.run_until_complete(
        decoder.picture(content, budget, time.monotonic() + _PATIENCE)
    ).pixels


@functools.cache
def _decoding_process() -> tuple[asyncio.AbstractEventLoop, IsolatedDecoder]:
    """One for as long as this process lives."""
    loop, decoder = asyncio.new_event_loop(), IsolatedDecoder(_SETUP)
    atexit.register(lambda: loop.run_until_complete(decoder.close()))
    return loop, decoder


def _flipped(content: bytes, chance: random.Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
    return bytes(damaged)
