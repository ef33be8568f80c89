"""An ordinary image."""

from dataclasses import dataclass


class NotOrdinary(Exception):
    """The file is not an ordinary image. It may be a good one all the same."""


@dataclass(frozen=True)
class OrdinaryImage:
    """An image of which every byte that matters is understood.

    Attributes:
        format: as Pillow names it: JPEG, PNG or WEBP.
        content: a new file, with only the parts that the pixels depend on.
        width: pixels, as stored.
        height: pixels, as stored.
        orientation: of its Exif data, 1 to 8.
        passes: times that the decoder goes over the whole image.
    """

    format: str
    content: bytes
    width: int
    height: int
    orientation: int = 1
    passes: int = 1


def must(condition: bool) -> None:
    """Raise :class:`NotOrdinary` unless a rule is kept."""
    if not condition:
        raise NotOrdinary
