import struct

import pytest

from preprocessing.ordinary.exif import MAX_TAGS, orientation_of
from preprocessing.ordinary.image import NotOrdinary

SHORT, LONG, TEXT = 3, 4, 2


def tiff(*entries: tuple[int, int, int, bytes], order: str = ">", tail: bytes = bytes(4)) -> bytes:
    """Exif data of entries: tag, type, count and four bytes."""
    mark = b"MM\0*" if order == ">" else b"II*\0"
    body = b"".join(struct.pack(order + "HHL4s", *entry) for entry in entries)
    return mark + struct.pack(order + "LH", 8, len(entries)) + body + tail


def orientation(value: int, order: str = ">") -> tuple[int, int, int, bytes]:
    return 0x0112, SHORT, 1, struct.pack(order + "H2x", value)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("value", range(1, 9))
def test_it_is_read_in_both_byte_orders(order: str, value: int) -> None:
    data = tiff((0x0100, LONG, 1, bytes(4)), orientation(value, order), order=order)

    assert orientation_of(data) == value
    assert orientation_of(b"Exif\0\0" + data) == value


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_values_without_a_meaning_are_upright(value: int) -> None:
    assert orientation_of(tiff(orientation(value))) == 1


def test_without_data_or_tag_it_is_upright() -> None:
    assert [orientation_of(each) for each in (b"", b"Exif\0\0", tiff())] == [1, 1, 1]


def test_an_xmp_packet_counts_only_where_the_tag_is_missing() -> None:
    xmp = b"<tiff:Orientation>6</tiff:Orientation>"

    assert orientation_of(tiff(), xmp) == 6
    assert orientation_of(tiff(orientation(3)), xmp) == 3
    assert orientation_of(b"", b'tiff:Orientation="0"') == 1


def test_the_first_of_two_counts() -> None:
    assert orientation_of(tiff(orientation(6), orientation(3))) == 6


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense",
        b"MM\0+" + tiff()[4:],
        tiff()[:6],
        tiff(tail=b""),
        tiff(orientation(6))[:-5],
        tiff((0x0112, LONG, 1, bytes(4))),
        tiff((0x0112, SHORT, 2, bytes(4))),
        tiff((0x010F, TEXT, 100, struct.pack(">L", 8))),
        tiff((0x010F, TEXT, 8, struct.pack(">L", 1000))),
        tiff((0x010F, 99, 1, bytes(4))),
        tiff(*[(1, TEXT, 1, bytes(4))] * (MAX_TAGS + 1)),
        b"MM\0*" + struct.pack(">L", 10_000),
    ],
    ids=[
        "no TIFF", "BigTIFF", "a short header", "no end", "cut off", "a long", "two values",
        "longer than the data", "outside the data", "an unknown type", "too many tags",
        "a directory outside",
    ],
)  # fmt: skip
def test_damaged_or_large_data_are_not_ordinary(data: bytes) -> None:
    with pytest.raises(NotOrdinary):
        orientation_of(data)
