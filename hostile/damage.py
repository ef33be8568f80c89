"""Sound files, cut off and with bits turned over."""

import random
from dataclasses import dataclass

from errors import ImageError
from hostile.expected import RED, Outcome, refused
from hostile.files import CORRUPT, UNSUPPORTED
from preprocessing import DecodeLimits, decode_scaled, least_side, transform
from settings import Settings
from tests.support.toys import LABELS, encoded, toy_preprocessing
from tests.support.toys import RED as COLOUR

PIECES = 64
FLIPPED = 64

_SIZE = (64, 48)


@dataclass(frozen=True)
class Sound:
    """A file that is whole.

    Attributes:
        content: its bytes, of a red image.
        start: bytes by which its format is known.
        end: bytes after the last that its pixels need.
    """

    content: bytes
    start: int
    end: int

    def cut(self, length: int) -> Outcome:
        """What must come of its first bytes."""
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
}


def truncations(name: str) -> list[tuple[bytes, Outcome]]:
    """A file cut at every 1/64 of its length, and what must come of each piece."""
    sound = SOUND[name]
    lengths = [len(sound.content) * i // PIECES for i in range(1, PIECES)]
    return [(sound.content[:length], sound.cut(length)) for length in lengths]


def flips(name: str) -> list[tuple[bytes, Outcome]]:
    """A file with one to four bits turned over, and what decoding it alone comes to."""
    chance = random.Random(name)
    damaged = [_flipped(SOUND[name].content, chance) for _ in range(FLIPPED)]
    return [(content, decoded_alone(content)) for content in damaged]


def decoded_alone(content: bytes) -> Outcome:
    """The class or error that decoding gives, without a service."""
    settings, preprocessing = Settings(), toy_preprocessing()
    limits = DecodeLimits(settings.max_pixels, settings.max_aspect_ratio)
    try:
        image, box = decode_scaled(content, limits, least_side(preprocessing))
    except ImageError as error:
        return refused(type(error))
    means = transform(image, preprocessing, box).mean(axis=(0, 1))
    return Outcome(200, LABELS[int(means.argmax())])


def _flipped(content: bytes, chance: random.Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
    return bytes(damaged)
