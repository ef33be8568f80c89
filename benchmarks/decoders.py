"""What other libraries would give for ordinary photographs: bytes → the model's pixels.

Each way turns the same colour JPEGs into 224 x 224 pixels (resize 256, bicubic), photograph by
photograph one after the other, in several rounds, in one thread; printed are medians of the
rounds. The libraries are not the project's: make a virtual environment for them, for example

    python -m venv build/decoders
    build/decoders/bin/pip install pillow numpy pydantic simplejpeg "PyTurboJPEG<2" \\
        opencv-python-headless imagecodecs kornia-rs "pyvips[binary]" cykooz-resizer
    build/decoders/bin/python -m benchmarks.decoders FOLDER

PyTurboJPEG needs Debian's libturbojpeg0, too.

What is not installed is left out. A Pillow of another make (pillow-simd) takes the place of
Pillow, so it needs an environment of its own: ``--other NAME=PYTHON`` has that interpreter
measure ``decode`` and ``transform`` once in each round.
"""

import argparse
import importlib
import math
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from model_spec import Interpolation, Preprocessing
from preprocessing import DecodeLimits, decode, transform
from preprocessing.orientation import Box
from preprocessing.transform import Pixels, crop_box

Way = Callable[[bytes], Pixels]

PREPROCESSING = Preprocessing(
    resize_size=256,
    crop_size=224,
    interpolation=Interpolation.BICUBIC,
    mean=(127.0, 127.0, 127.0),
    std=(128.0, 128.0, 128.0),
)

OURS = "Pillow: decode and transform of this service"

ROUNDS = 3

_LIMITS = DecodeLimits(max_pixels=25_000_000, max_aspect_ratio=20.0)
_SUFFIXES = frozenset({".jpg", ".jpeg"})
_LARGEST = 200_000  # bytes: larger ones are not ordinary photographs

# Of Pillow's bicubic filter, in output pixels.
_SUPPORT = 2.0


def main() -> None:
    """Print a Markdown table, or with ``--once`` the milliseconds of one round."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="of photographs")
    parser.add_argument("--other", action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--once", action="store_true", help="only this service's own way")
    options = parser.parse_args()
    photographs = list(colour_jpegs(options.folder))
    if options.once:
        print(one_round({OURS: ours}, photographs)[OURS])
        return
    others = dict(each.split("=", 1) for each in options.other)
    print("\n".join(table(installed(), photographs, others, options.folder)))


def colour_jpegs(folder: Path) -> Iterator[bytes]:
    """A folder's ordinary photographs; grey and CMYK ones are not every library's business."""
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in _SUFFIXES and path.stat().st_size <= _LARGEST:
            encoded = path.read_bytes()
            if Image.open(BytesIO(encoded)).mode == "RGB":
                yield encoded


def table(
    ways: dict[str, Way], photographs: list[bytes], others: dict[str, str], folder: Path
) -> Iterator[str]:
    """The lines of a Markdown table, the cheapest way first."""
    rounds = defaultdict(list)
    for _ in range(ROUNDS):
        for name, milliseconds in one_round(ways, photographs).items():
            rounds[name].append(milliseconds)
        for name, python in others.items():
            rounds[name].append(_elsewhere(python, folder))
    cost = {name: statistics.median(each) for name, each in rounds.items()}
    yield "| way | CPU ms | ÷ Pillow | least, most | pixel difference, mean | max |"
    yield "|---|---:|---:|---:|---:|---:|"
    for name in sorted(cost, key=cost.__getitem__):
        yield (
            f"| {name} | {cost[name]:.2f} | {cost[name] / cost[OURS]:.2f} "
            f"| {min(rounds[name]):.2f}, {max(rounds[name]):.2f} "
            f"| {_difference(ways[name], photographs) if name in ways else '– | –'} |"
        )


def one_round(ways: dict[str, Way], photographs: list[bytes]) -> dict[str, float]:
    """CPU milliseconds for one photograph, by way; the photographs in turn, the ways in turn."""
    seconds: dict[str, float] = defaultdict(float)
    for encoded in photographs:
        for name, way in ways.items():
            started = time.process_time()
            way(encoded)
            seconds[name] += time.process_time() - started
    return {name: 1e3 * total / len(photographs) for name, total in seconds.items()}


def _elsewhere(python: str, folder: Path) -> float:
    command = [python, "-m", "benchmarks.decoders", str(folder), "--once"]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _difference(way: Way, photographs: list[bytes]) -> str:
    differences = [np.abs(way(each).astype(int) - ours(each)) for each in photographs]
    return f"{np.mean(differences):.2f} | {np.max(differences)}"


def ours(encoded: bytes) -> Pixels:
    """As the service does it."""
    return transform(decode(encoded, _LIMITS), PREPROCESSING)


def installed() -> dict[str, Way]:
    """This service's way and every other whose library can be imported."""
    ways: dict[str, Way] = {OURS: ours}
    for library, make in _MAKERS.items():
        try:
            ways |= make(importlib.import_module(library))
        except (ImportError, OSError, RuntimeError) as error:
            print(f"left out: {library}: {error}", file=sys.stderr)
    return ways


def _then_pillow(decoder: Callable[[bytes], Any]) -> Way:
    return lambda encoded: transform(Image.fromarray(decoder(encoded)), PREPROCESSING)


def _cropped(pixels: Any) -> Any:
    """The centre crop in whole source pixels, for libraries without a resampling box."""
    height, width = pixels.shape[:2]
    box = crop_box(Box(0, 0, width, height), PREPROCESSING)
    left, top, right, bottom = (round(edge) for edge in box)
    return np.ascontiguousarray(pixels[top:bottom, left:right])


def _simplejpeg(library: Any) -> dict[str, Way]:
    return {"simplejpeg, Pillow's resize": _then_pillow(library.decode_jpeg)}


def _turbojpeg(library: Any) -> dict[str, Way]:
    decoder = partial(library.TurboJPEG().decode, pixel_format=library.TJPF_RGB)
    return {"PyTurboJPEG, Pillow's resize": _then_pillow(decoder)}


def _imagecodecs(library: Any) -> dict[str, Way]:
    return {"imagecodecs, Pillow's resize": _then_pillow(library.jpeg8_decode)}


def _opencv(library: Any) -> dict[str, Way]:
    library.setNumThreads(1)
    size = (PREPROCESSING.crop_size, PREPROCESSING.crop_size)

    def decoder(encoded: bytes) -> Any:
        return library.imdecode(np.frombuffer(encoded, np.uint8), library.IMREAD_COLOR_RGB)

    def area(encoded: bytes) -> Pixels:
        pixels: Pixels = library.resize(
            _cropped(decoder(encoded)), size, interpolation=library.INTER_AREA
        )
        return pixels

    return {
        "OpenCV, Pillow's resize": _then_pillow(decoder),
        "OpenCV, its area resize": area,
    }


def _kornia(library: Any) -> dict[str, Way]:
    size = (PREPROCESSING.crop_size, PREPROCESSING.crop_size)

    def whole(encoded: bytes) -> Pixels:
        pixels = _cropped(library.io.decode_image_jpegturbo(encoded, "rgb"))
        return np.asarray(library.imgproc.resize(pixels, size, "bicubic", antialias=True))

    return {"kornia-rs, its bicubic resize": whole}


def _pyvips(library: Any) -> dict[str, Way]:
    crop = PREPROCESSING.crop_size

    def whole(encoded: bytes) -> Pixels:
        image = library.Image.new_from_buffer(encoded, "", access="sequential")
        box = crop_box(Box(0, 0, image.width, image.height), PREPROCESSING)
        left, top, right, bottom = (round(edge) for edge in box)
        part = image.crop(left, top, right - left, bottom - top)
        across, down = crop / part.width, crop / part.height
        pixels: Pixels = part.resize(across, vscale=down, kernel="cubic").numpy()
        return pixels

    return {"pyvips, its cubic resize": whole}


def _cykooz(library: Any) -> dict[str, Way]:
    """Rust's fast_image_resize on Pillow's own memory, in Pillow's order: across, then down."""
    resizer = library.Resizer()
    bicubic = library.ResizeAlg.convolution(library.FilterType.catmull_rom)
    crop = PREPROCESSING.crop_size

    def resize(source: Image.Image, size: tuple[int, int], box: Box) -> Image.Image:
        left, top, right, bottom = box
        target = Image.new("RGB", size)
        part = library.CropBox(left, top, right - left, bottom - top)
        resizer.resize_pil(source, target, library.ResizeOptions(bicubic, crop_box=part))
        return target

    def whole(encoded: bytes) -> Pixels:
        image = decode(encoded, _LIMITS)
        box = crop_box(Box(0, 0, *image.size), PREPROCESSING)
        reach = _SUPPORT * max(1.0, (box.bottom - box.top) / crop)
        top = max(0, math.floor(box.top - reach))
        bottom = min(image.height, math.ceil(box.bottom + reach))
        across = resize(image, (crop, bottom - top), Box(box.left, top, box.right, bottom))
        rest = Box(0, box.top - top, crop, box.bottom - top)
        return np.asarray(resize(across, (crop, crop), rest))

    return {"Pillow's decoder, cykooz-resizer's resize": whole}


_MAKERS: dict[str, Callable[[Any], dict[str, Way]]] = {
    "simplejpeg": _simplejpeg,
    "turbojpeg": _turbojpeg,
    "imagecodecs": _imagecodecs,
    "cv2": _opencv,
    "kornia_rs": _kornia,
    "pyvips": _pyvips,
    "cykooz_resizer": _cykooz,
}


if __name__ == "__main__":
    main()
