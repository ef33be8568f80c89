"""What is known of an ordinary image."""

from dataclasses import dataclass


class Odd(Exception):
    """The file is not an ordinary one; nothing is said of whether it is a good one."""


@dataclass(frozen=True)
class OrdinaryImage:
    """An image that was recognised completely.

    Attributes:
        format: as Pillow names it: JPEG, PNG or WEBP.
        content: the file anew, with only the parts that the pixels depend on.
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
    """Raise :class:`Odd` unless a rule is kept."""
    if not condition:
        raise Odd
