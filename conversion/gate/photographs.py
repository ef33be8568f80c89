"""The photographs that calibrate a model of lower precision, and those that judge it."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from PIL import Image

from conversion.errors import ConversionError
from conversion.evaluation.labels import Photograph, read_folder
from conversion.photographs import GOLDEN, PHOTOGRAPHS
from model_spec import sha256_of_file

_CALIBRATING = 128
"""Photographs that calibrate: more take longer and change little."""

_CALIBRATING_SHARE = 4
"""A quarter of a small folder."""

_JUDGING = 4_000
"""Photographs that judge: more take longer than minutes."""

FEWEST = 8
"""Photographs in a folder: a quarter of fewer is too little to calibrate with."""

_CROPS_OF_THE_SIDE = (1.0, 0.97, 0.94, 0.91, 0.88)
"""Smaller ones lose what the photograph shows."""

_PLACES = (0.0, 0.5, 1.0)
"""Of a crop: at one edge, in the middle, at the other edge."""

_JUDGE_BY = frozenset({GOLDEN.name, "camera.png"})
"""Of the project's photographs."""


@dataclass(frozen=True)
class Split:
    """Photographs in two parts, which have no file in common.

    Attributes:
        calibrating: measure ranges and choose a recipe.
        judging: decide whether the model is as accurate as fp32.
        source: where the photographs are from, in words.
        notes: what was found in the folder and not used.
    """

    calibrating: tuple[Photograph, ...]
    judging: tuple[Photograph, ...]
    source: str
    notes: tuple[str, ...] = ()


def split(folder: Path, labels: Sequence[str]) -> Split:
    """Split a folder's photographs, always in the same way.

    Photographs without a label calibrate first: labels are worth most to judge by. If there are
    labels, only labelled photographs judge. Copies of a file that calibrates are left out.

    Raises:
        ConversionError: there is no such folder, or too few photographs in it.
    """
    found = read_folder(folder, labels)
    count = len(found.photographs)
    if count < FEWEST:
        raise ConversionError(
            f"{folder} has {count} photographs; --calibration needs at least {FEWEST}"
        )
    ordered = sorted(found.photographs, key=_order)
    calibrating = ordered[: min(_CALIBRATING, count // _CALIBRATING_SHARE)]
    others = ordered[len(calibrating) :]
    labelled = [each for each in others if each.class_id is not None]
    return Split(
        tuple(calibrating),
        tuple(islice(_without_copies(labelled or others, calibrating), _JUDGING)),
        f"{folder.name}, labels: {found.source}",
        found.notes,
    )


def split_of_crops(folder: Path) -> Split:
    """Crops of the project's own photographs, and their mirror images, written into a folder.

    All crops of a photograph are in the same part.
    """
    calibrating, judging = list[Photograph](), list[Photograph]()
    for path in PHOTOGRAPHS:
        (judging if path.name in _JUDGE_BY else calibrating).extend(_written_crops(path, folder))
    return Split(
        tuple(sorted(calibrating, key=_order)[:_CALIBRATING]),
        tuple(judging),
        f"crops of {len(PHOTOGRAPHS)} photographs, {len(_JUDGE_BY)} of which judge: they show "
        "little; give your own photographs",
    )


def _without_copies(
    photographs: Iterable[Photograph], originals: Sequence[Photograph]
) -> Iterator[Photograph]:
    """The photographs whose files have other bytes than every original.

    Only files of the same size are read.
    """
    sizes = {each.path.stat().st_size for each in originals}
    hashes = {_hash(each) for each in originals} - {None}
    for each in photographs:
        if each.path.stat().st_size not in sizes or _hash(each) not in hashes:
            yield each


def _hash(photograph: Photograph) -> str | None:
    """Of the file; None if it cannot be read, which counts when it is classified."""
    try:
        return sha256_of_file(photograph.path)
    except OSError:
        return None


def _order(photograph: Photograph) -> tuple[bool, bytes]:
    """Without a label first; then pseudo-random, by the hash of the name."""
    digest = hashlib.sha256(photograph.name.encode()).digest()
    return photograph.class_id is not None, digest


def _written_crops(path: Path, folder: Path) -> Iterator[Photograph]:
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    for index, crop in enumerate(_crops(image)):
        written = folder / f"{path.stem}-{index}.png"
        crop.save(written, compress_level=1)
        yield Photograph(written, written.name, None)


def _crops(image: Image.Image) -> Iterator[Image.Image]:
    """Squares of several sizes from nine places, each also mirrored."""
    for share in _CROPS_OF_THE_SIDE:
        side = int(share * min(image.size))
        free = image.width - side, image.height - side
        corners = {(int(x * free[0]), int(y * free[1])) for x in _PLACES for y in _PLACES}
        for left, top in sorted(corners):
            crop = image.crop((left, top, left + side, top + side))
            yield crop
            yield crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
