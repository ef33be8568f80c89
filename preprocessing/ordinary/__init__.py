"""Ordinary images: files that are recognised completely, down to the last byte that counts.

An ordinary image may be decoded in the worker itself, because three things are known of it:
how large it is, that every reader finds the same parts in it, and how often a decoder goes over
it. The decoder is given a file that is put together anew from the parts that the pixels depend
on, so that nothing else reaches it.

What is not recognised is not wrong. It is decoded in a process of its own, whose time and
memory the kernel bounds: :mod:`preprocessing.isolated`.
"""

from preprocessing.ordinary import jpeg, png, webp
from preprocessing.ordinary.image import Odd, OrdinaryImage

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
            except Odd:
                return None
    return None
