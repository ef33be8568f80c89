"""Ordinary images: files of which every byte that matters is understood.

The worker itself may decode an ordinary image, because three things are known of it: its size, that
all readers find the same parts in it, and the number of passes that its decoder makes. The decoder
gets a new file, made of the parts that the pixels depend on, and nothing else.

Other images are not wrong. They are decoded in a process of its own, whose time and memory the
kernel bounds: :mod:`preprocessing.isolated`.
"""

from preprocessing.ordinary import jpeg, png, webp
from preprocessing.ordinary.image import NotOrdinary, OrdinaryImage

__all__ = ["OrdinaryImage", "recognise"]

_READERS = {jpeg.START: jpeg.read, png.START: png.read, webp.START: webp.read}


def recognise(encoded: bytes) -> OrdinaryImage | None:
    """The image, if it is an ordinary JPEG, PNG or WebP; else None.

    A damaged file is not an ordinary one: nothing is raised for it.
    """
    for start, read in _READERS.items():
        if encoded.startswith(start):
            try:
                return read(encoded)
            except NotOrdinary:
                return None
    return None
