"""Look for the costliest file of each format: ``python -m hostile.costliest``.

It starts from the corpus and from large images of many kinds, then repeats, joins and damages the
costliest of them. It prints a line for each format and place of decoding, and ends with 1 if a file
took more than it may, or if the next image was not decoded.
"""

import argparse
import contextlib
import random
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from errors import ClassifierError
from harness.images import save, textured
from hostile.damage import pixels_apart
from hostile.images.containers import GIF
from hostile.requests.calls import ALL_FILES
from preprocessing import DecodeLimits, decode_ordinary
from preprocessing.budget import DecodeBudget
from settings import Settings

SECONDS = 120.0
FOLDER = Path(__file__).parents[1] / "build/costliest"

MAX_WORKER_SECONDS = 0.4
"""Of processor time in the worker's own thread: twice what the costliest photograph takes there,
for slow machines."""

_SETTINGS = Settings()
_LIMITS = DecodeLimits(_SETTINGS.max_pixels, _SETTINGS.max_aspect_ratio)
_LEAST_SIDE = 640  # of a model of 256 and 224 pixels
_EXCESS = 1.1  # of the limit: the kernel checks it only a few times in 10 ms
_KEPT = 8
_REPEATS = (2, 10, 100, 10_000)

_STARTS = {"JPEG": b"\xff\xd8", "PNG": b"\x89PNG", "GIF": b"GIF8", "WEBP": b"RIFF", "AVIF": b"\0\0"}
_OPTIONS: dict[str, list[dict[str, Any]]] = {
    "JPEG": [{"quality": 95}, {"progressive": True}, {"subsampling": 0}],
    "PNG": [{"compress_level": 1}, {"compress_level": 9}],
    "GIF": [{}],
    "WEBP": [{"quality": 90}, {"quality": 5}, {"lossless": True, "method": 0}],
    "AVIF": [{"speed": 10}, {"speed": 10, "subsampling": "4:4:4"}],
}


@dataclass(frozen=True)
class Found:
    """A file and the processor time that decoding it took."""

    seconds: float  # of processor time
    place: str  # where it was decoded
    content: bytes

    @property
    def share(self) -> float:
        """Of the time that it may take."""
        allowed = MAX_WORKER_SECONDS if self.place == "worker" else _SETTINGS.decode_seconds
        return self.seconds / allowed


def measured(content: bytes) -> list[Found]:
    """Decode a file as the service does; a ClassifierError if the next image is not decoded."""
    started = time.thread_time()
    try:
        decoded = decode_ordinary(content, _LIMITS, _LEAST_SIDE) is not None
    except ClassifierError:
        decoded = True
    here = Found(time.thread_time() - started, "worker", content)
    return [here] if decoded else [here, Found(_seconds_apart(content), "apart", content)]


def _seconds_apart(content: bytes) -> float:
    budget = DecodeBudget(_SETTINGS.decode_seconds)
    with contextlib.suppress(ClassifierError):
        pixels_apart(content, budget)
    pixels_apart(GIF, DecodeBudget(_SETTINGS.decode_seconds))
    return _SETTINGS.decode_seconds - budget.seconds


def seeds(image_format: str) -> list[bytes]:
    """Files of the corpus, and large images of many kinds."""
    made = [each.make() for each in ALL_FILES.values()]
    large = textured(600, 500).resize((2400, 2000), Image.Resampling.NEAREST)
    return [each for each in made if each.startswith(_STARTS[image_format])] + [
        save(large, image_format, **options) for options in _OPTIONS[image_format]
    ]


def changed(content: bytes, other: bytes, chance: random.Random) -> bytes:
    """A file with a piece repeated, replaced by one of another file, or damaged."""
    start = chance.randrange(len(content))
    end = min(len(content), start + int(2 ** chance.uniform(0, 16)))
    kind = chance.randrange(3)
    if kind == 0:
        piece = content[start:end] * chance.choice(_REPEATS)
    elif kind == 1:
        from_ = chance.randrange(len(other))
        piece = other[from_ : from_ + end - start]
    else:
        piece = chance.randbytes(chance.randint(1, 4)) + content[start:end]
    return (content[:start] + piece + content[end:])[: _SETTINGS.max_body_bytes]


def search(image_format: str, seconds: float, chance: random.Random) -> list[Found]:
    """The costliest file for each place of decoding."""
    end = time.monotonic() + seconds
    costliest: dict[str, list[Found]] = {"worker": [], "apart": []}
    waiting = seeds(image_format)
    parents = list(waiting)
    while waiting or time.monotonic() < end:
        one, other = chance.choices(parents, k=2)
        content = waiting.pop() if waiting else changed(one, other, chance)
        for found in measured(content):
            best = [*costliest[found.place], found]
            costliest[found.place] = sorted(best, key=lambda each: -each.seconds)[:_KEPT]
        parents = [each.content for best in costliest.values() for each in best]
    return [best[0] for best in costliest.values() if best]


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m hostile.costliest", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for all formats together")
    given = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    failed = False
    for name in _STARTS:
        chance = random.Random(name)
        for found in search(name, given.seconds / len(_STARTS), chance):
            path = FOLDER / f"{name}-{found.place}"
            path.write_bytes(found.content)
            failed |= found.share > _EXCESS
            print(f"{name} {found.place}: {found.seconds:.2f} s, {path}", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
