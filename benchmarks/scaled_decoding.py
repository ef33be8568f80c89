"""What scaled decoding of large photographs saves, and what it changes.

``python -m benchmarks.scaled_decoding FOLDER`` makes large photographs from the small ones of
a folder, since no camera's are at hand:

1. Upscaled (bicubic, aspect ratio kept) to 12 and 24 megapixels.
2. Noise as a sensor's: normal, independent for every pixel and channel, with a variance of
   4 + 0.12 x value (of 255): a standard deviation of 2 in the dark, 4.4 in mid-grey.
3. Sharpened as in a camera: unsharp mask, radius 2, 80 %, threshold 2.
4. Saved as JPEG of quality 90 with chroma halved both ways (4:2:0).

Each is decoded and transformed the usual way (decode, convert to RGB, resize whole, crop), in
full as the service does it, and at smaller and smaller scale, in one thread. ``Shorter side at
least`` is in resize sizes; the service's own is in bold.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from math import ceil
from pathlib import Path

import bentoml
import numpy as np
from PIL import Image, ImageFilter

from harness.images import save
from inference import Session, open_session
from model_spec import MODEL_NAME, Preprocessing
from preprocessing import DecodeLimits, decode_trusted, least_side, transform
from preprocessing.pixels import Pixels
from settings import Device, Settings

MEGAPIXELS: tuple[float, ...] = (12, 24)

OVERSAMPLINGS = (4, 2.5, 1)  # shorter sides, in resize sizes, that scaled decoding is tried with
_SUFFIXES = frozenset({".jpg", ".jpeg"})

_READ_NOISE, _SHOT_NOISE = 4.0, 0.12
_SHARPENING = ImageFilter.UnsharpMask(radius=2, percent=80, threshold=2)
_QUALITY = 90

_BAND = 64  # noise is made for so many rows at once: for a whole photograph it would take gigabytes
_SETTINGS = Settings()
_LIMITS = DecodeLimits(_SETTINGS.max_pixels, _SETTINGS.max_aspect_ratio)

_HEAD = (
    "| megapixels | photographs | MB each | shorter side at least | usual, ms | full, ms "
    "| scaled, ms | usual ÷ scaled | full ÷ scaled | same top-1 | pixel difference, mean | max |"
)


@dataclass(frozen=True)
class Look:
    """What the model gets of one photograph."""

    seconds: float  # of CPU time, decode and transform
    pixels: Pixels  # uint8 ``[height, width, 3]``
    class_id: int  # the most probable


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="of photographs")
    parser.add_argument("--model", default=f"{MODEL_NAME}:latest", help="tag in the model store")
    parser.add_argument("--every", type=int, default=1, help="take each n-th photograph")
    parser.add_argument("--progressive", action="store_true", help="progressive JPEGs")
    options = parser.parse_args()
    folder = Path(bentoml.models.get(options.model).path)
    session = open_session(folder, Device.CPU, intra_op_threads=1)
    paths = [path for path in sorted(options.folder.iterdir()) if path.suffix.lower() in _SUFFIXES]
    chosen = paths[:: options.every]
    for line in table(session, chosen, options.progressive):
        print(line, flush=True)


def table(
    session: Session,
    paths: list[Path],
    progressive: bool = False,
    megapixels: Sequence[float] = MEGAPIXELS,
) -> Iterator[str]:
    """The lines of a Markdown table: a row for each size and each oversampling."""
    yield _HEAD
    yield "|---|" + "---:|" * 11
    preprocessing = session.spec.preprocessing
    for size in megapixels:
        files = [camera_jpeg(path, size, progressive) for path in paths]
        whole = [look(session, file, lambda file: usual(file, preprocessing)) for file in files]
        full = [look(session, file, scaled(preprocessing, None)) for file in files]
        for oversampling in OVERSAMPLINGS:
            least = ceil(oversampling * preprocessing.resize_size.longer_side)
            looks = [look(session, file, scaled(preprocessing, least)) for file in files]
            mark = "**" if least == least_side(preprocessing) else ""
            yield (
                f"| {size:g} | {len(files)} | {np.mean([*map(len, files)]) / 1e6:.1f} "
                f"| {mark}{oversampling}{mark} | {_comparison(whole, full, looks)} |"
            )


def camera_jpeg(path: Path, megapixels: float, progressive: bool = False) -> bytes:
    """A JPEG as a camera would have written it, of a photograph that is smaller."""
    with Image.open(path) as photograph:
        scale = (megapixels * 1e6 / (photograph.width * photograph.height)) ** 0.5
        size = (int(photograph.width * scale), int(photograph.height * scale))
        large = photograph.convert("RGB").resize(size, Image.Resampling.BICUBIC)
    sharpened = Image.fromarray(_noisy(np.asarray(large))).filter(_SHARPENING)
    chosen = {"quality": _QUALITY, "subsampling": "4:2:0", "progressive": progressive}
    return save(sharpened, "JPEG", **chosen)


def _noisy(pixels: Pixels) -> Pixels:
    random = np.random.default_rng(pixels.shape[1])
    noisy = np.empty_like(pixels)
    for top in range(0, len(pixels), _BAND):
        band = pixels[top : top + _BAND].astype(np.float32)
        deviation = np.sqrt(_READ_NOISE + _SHOT_NOISE * band)
        band += random.standard_normal(band.shape, dtype=np.float32) * deviation
        noisy[top : top + _BAND] = band.clip(0, 255)
    return noisy


def look(session: Session, encoded: bytes, way: Callable[[bytes], Pixels]) -> Look:
    """Decode and transform a photograph in some way, and classify it."""
    started = time.thread_time()
    pixels = way(encoded)
    seconds = time.thread_time() - started
    return Look(seconds, pixels, int(session.run(pixels[None])[0].argmax()))


def scaled(preprocessing: Preprocessing, least: int | None) -> Callable[[bytes], Pixels]:
    """The service's way; ``least`` as in ``decode_scaled``."""

    def way(encoded: bytes) -> Pixels:
        decoded = decode_trusted(encoded, _LIMITS, least)
        return transform(decoded.image, preprocessing, decoded.box)

    return way


def usual(encoded: bytes, preprocessing: Preprocessing) -> Pixels:
    """The way PIL and torchvision's transforms go about it."""
    image = Image.open(BytesIO(encoded)).convert("RGB")
    scale = preprocessing.resize_size.longer_side / min(image.size)
    size = int(image.width * scale), int(image.height * scale)
    resized = image.resize(size, Image.Resampling[preprocessing.interpolation.name])
    side = preprocessing.crop_size.longer_side
    left, top = (resized.width - side) // 2, (resized.height - side) // 2
    return np.asarray(resized.crop((left, top, left + side, top + side)))


def _comparison(usual: list[Look], full: list[Look], scaled: list[Look]) -> str:
    whole, before, after = (
        1e3 * float(np.mean([look.seconds for look in each])) for each in (usual, full, scaled)
    )
    pairs = list(zip(full, scaled, strict=True))
    same = np.mean([one.class_id == other.class_id for one, other in pairs])
    differences = [np.abs(one.pixels.astype(int) - other.pixels) for one, other in pairs]
    return (
        f"{whole:.0f} | {before:.0f} | {after:.0f} | {whole / after:.1f} | {before / after:.1f} "
        f"| {same:.1%} | {np.mean(differences):.2f} | {np.max(differences)}"
    )


if __name__ == "__main__":
    main()
