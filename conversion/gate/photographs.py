"""The photographs that make a model of lower precision, and those that judge it."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from conversion.errors import ConversionError
from conversion.evaluation.labels import Photograph, read_folder
from conversion.photographs import GOLDEN, PHOTOGRAPHS

_SEARCHING = 128
"""Photographs that a recipe is searched with: more take longer and change little."""

_SEARCHING_SHARE = 4
"""A quarter of a small folder."""

_JUDGING = 4_000
"""Photographs that judge: more take longer than minutes."""

FEWEST = 8
"""Photographs of a folder, or there is nothing to search with."""

_CROPS_OF_THE_SIDE = (1.0, 0.97, 0.94, 0.91, 0.88)
"""Smaller ones lose what the photograph shows."""

_PLACES = (0.0, 0.5, 1.0)
"""Of a crop: at one edge, in the middle, at the other edge."""

_JUDGE_BY = frozenset({GOLDEN.name, "camera.png"})
"""Of the project's photographs."""


@dataclass(frozen=True)
class Shares:
    """Photographs, divided. No photograph is in both shares, nor crops of the same one.

    Attributes:
        searching: calibrate and choose a recipe.
        judging: judge what was found.
    """

    searching: tuple[Photograph, ...]
    judging: tuple[Photograph, ...]
    source: str
    notes: tuple[str, ...] = ()


def divided(folder: Path, labels: Sequence[str]) -> Shares:
    """Divide a folder's photographs, always in the same way.

    Those without a label search, as far as they suffice: labels are worth most to judge by. If
    there are labels, only labelled photographs judge.

    Raises:
        ConversionError: there is no such folder, or too few photographs in it.
    """
    found = read_folder(folder, labels)
    count = len(found.photographs)
    if count < FEWEST:
        raise ConversionError(f"{folder} has {count} photographs, at least {FEWEST} are needed")
    ordered = sorted(found.photographs, key=_order)
    searching = min(_SEARCHING, count // _SEARCHING_SHARE)
    judging = ordered[searching:]
    labelled = [each for each in judging if each.class_id is not None]
    return Shares(
        tuple(ordered[:searching]),
        tuple((labelled or judging)[:_JUDGING]),
        f"{folder.name}, labels: {found.source}",
        found.notes,
    )


def embedded(folder: Path) -> Shares:
    """Crops of the project's own photographs, and their mirror images, written into a folder."""
    searching, judging = list[Photograph](), list[Photograph]()
    for path in PHOTOGRAPHS:
        (judging if path.name in _JUDGE_BY else searching).extend(_written_crops(path, folder))
    return Shares(
        tuple(sorted(searching, key=_order)[:_SEARCHING]),
        tuple(judging),
        f"crops of {len(PHOTOGRAPHS)} photographs, {len(_JUDGE_BY)} of which judge: they show "
        "little; give your own photographs",
    )


def _order(photograph: Photograph) -> tuple[bool, bytes]:
    """Without a label first; then as if drawn by lot, but always the same."""
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
