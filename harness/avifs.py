"""AVIF files by hand: frames that Pillow encoded, in an index that says anything."""

import functools
import struct
from dataclasses import dataclass

from PIL import Image

from harness.images import save


def box(kind: bytes, content: bytes) -> bytes:
    """A box of ISO 14496-12."""
    return struct.pack(">I", len(content) + 8) + kind + content


def full_box(kind: bytes, content: bytes, version: int = 0) -> bytes:
    """A box with a version, and no flags."""
    return box(kind, struct.pack(">I", version << 24) + content)


@dataclass(frozen=True)
class Frame:
    """A picture coded in AV1.

    Attributes:
        bitstream: its units.
        configuration: the box ``av1C`` that belongs to it.
    """

    bitstream: bytes
    configuration: bytes


@functools.cache
def frame(width: int, height: int, colour: tuple[int, int, int] = (255, 0, 0)) -> Frame:
    """A frame of one colour."""
    encoded = save(Image.new("RGB", (width, height), colour), "AVIF", speed=10)
    configuration = encoded.index(b"av1C") - 4
    return Frame(encoded[encoded.index(b"mdat") + 4 :], encoded[configuration : configuration + 12])


def pieces_of_nothing() -> bytes:
    """An index of 5 × 10⁸ pieces, whose places and lengths are numbers of no bytes."""
    items = struct.pack(">HHH", 1, 0, 65_535) * 8000
    locations = full_box(b"iloc", bytes(2) + struct.pack(">H", 8000) + items)
    return box(b"ftyp", b"avif\0\0\0\0avifmif1miaf") + full_box(b"meta", locations)


@dataclass(frozen=True)
class Avif:
    """A file of items that all have the same frame.

    Attributes:
        frame: of every item.
        size: that the header claims.
        items: how many; the first is the image.
        references: how many to an item that there is not.
    """

    frame: Frame
    size: tuple[int, int]
    items: int = 1
    references: int = 0

    def encoded(self) -> bytes:
        """The file."""
        return self._head(len(self._head(0)) + 8) + box(b"mdat", self.frame.bitstream)

    def _head(self, offset: int) -> bytes:
        numbers = range(1, self.items + 1)
        names = b"".join(
            full_box(b"infe", struct.pack(">HH", number, 0) + b"av01\0", 2) for number in numbers
        )
        index = [
            full_box(b"hdlr", bytes(4) + b"pict" + bytes(13)),
            full_box(b"pitm", struct.pack(">H", 1)),
            self._locations(offset),
            full_box(b"iinf", struct.pack(">H", self.items) + names),
            box(b"iprp", self._properties()),
        ]
        if self.references:
            reference = box(b"prem", struct.pack(">HHH", 2, 1, 1))
            index.append(full_box(b"iref", reference * self.references))
        return box(b"ftyp", b"avif\0\0\0\0avifmif1miaf") + full_box(b"meta", b"".join(index))

    def _locations(self, offset: int) -> bytes:
        piece = struct.pack(">II", offset, len(self.frame.bitstream))
        items = b"".join(
            struct.pack(">HHHH", number, 0, 0, 1) + piece for number in range(1, self.items + 1)
        )
        return full_box(b"iloc", b"\x44\0" + struct.pack(">H", self.items) + items, 1)

    def _properties(self) -> bytes:
        properties = (
            full_box(b"ispe", struct.pack(">II", *self.size))
            + self.frame.configuration
            + full_box(b"pixi", b"\3\x08\x08\x08")
        )
        links = b"".join(
            struct.pack(">HB", number, 3) + b"\1\x82\3" for number in range(1, self.items + 1)
        )
        return box(b"ipco", properties) + full_box(b"ipma", struct.pack(">I", self.items) + links)
