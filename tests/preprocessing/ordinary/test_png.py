import struct
import zlib

import pytest

from harness.images import exif, png, save, textured
from hostile.images.containers import PNG_START, chunk, in_png, png_header
from preprocessing.ordinary import recognise
from preprocessing.ordinary.png import BYTES_PER_CHUNK, FREE_CHUNKS

PHOTO = textured(40, 24)
DATA = zlib.compress(bytes(4 * 13))


def made_of(*chunks: bytes) -> bytes:
    return PNG_START + b"".join(chunks)


HEADER, PALETTE, KEY = png_header(4, 4), chunk(b"PLTE", bytes(3)), chunk(b"tRNS", bytes(6))
IDAT, END = chunk(b"IDAT", DATA), chunk(b"IEND")


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P"])
def test_usual_files_are_ordinary(mode: str) -> None:
    image = recognise(save(PHOTO.convert(mode), "PNG"))

    assert image is not None
    assert (image.format, image.width, image.height) == ("PNG", 40, 24)
    assert (image.orientation, image.passes) == (1, 1)


def test_metadata_and_what_follows_the_end_are_left_out() -> None:
    plain = made_of(HEADER, PALETTE, KEY, IDAT, IDAT, END)
    text, profile, time = chunk(b"tEXt", b"Title\0cat"), chunk(b"iCCP", b"k"), chunk(b"tIME")
    filled = made_of(HEADER, profile, PALETTE, text, KEY, text, IDAT, IDAT, time, END) + b"<html>"

    image = recognise(filled)

    assert image is not None
    assert image.content == plain


@pytest.mark.parametrize(
    "encoded",
    [
        made_of(HEADER, IDAT, chunk(b"tIME"), IDAT, END),
        made_of(HEADER, END),
        made_of(HEADER, IDAT),
        made_of(IDAT, HEADER, END),
        made_of(HEADER, HEADER, IDAT, END),
        made_of(HEADER, KEY, PALETTE, IDAT, END),
        made_of(HEADER, chunk(b"acTL"), IDAT, END),
        made_of(HEADER, chunk(b"zTXt", b"k\0\0"), IDAT, END),
        made_of(HEADER, chunk(b"iTXt", b"k\0\0\0\0\0"), IDAT, END),
        made_of(HEADER, chunk(b"tEXt", b"Raw profile type exif\0"), IDAT, END),
        made_of(HEADER, chunk(b"tEXt", b"XML:com.adobe.xmp\0"), IDAT, END),
        made_of(HEADER, IDAT, END[:-1]),
        made_of(png_header(4, 4, depth=16), IDAT, END),
        made_of(png_header(4, 4, colour_type=3), IDAT, END),
        made_of(png_header(4, 4, colour_type=6), KEY, IDAT, END),
        made_of(chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, 2, 0, 0, 1)), IDAT, END),
        made_of(chunk(b"IHDR", struct.pack(">IIBBBB", 4, 4, 8, 2, 0, 0)), IDAT, END),
        save(PHOTO, "PNG", exif=exif(6)),
        png(4, 4, depth=1, colour_type=0, rows=bytes(8)),
    ],
    ids=[
        "data in two places", "no data", "no end", "header not first", "two headers",
        "palette behind its colour key", "animated", "compressed text", "international text",
        "Exif data as text", "XMP as text", "cut off", "16 bits", "no palette",
        "alpha and colour key", "interlaced", "a short header", "Exif data", "1 bit",
    ],
)  # fmt: skip
def test_what_is_not_plain_is_not_ordinary(encoded: bytes) -> None:
    assert recognise(encoded) is None


def test_many_chunks_without_data_are_not_ordinary() -> None:
    """Were there several ways to match them, this would take hours."""
    assert (
        recognise(made_of(HEADER, chunk(b"tIME", bytes(8_000_000)), chunk(b"tIME") * 8000, END))
        is None
    )


def test_large_files_may_have_many_chunks() -> None:
    empty = chunk(b"tIME")
    own = 3  # IHDR, IDAT, IEND of the file that is filled

    assert recognise(in_png(empty * (FREE_CHUNKS - own))) is not None
    assert recognise(in_png(empty * (FREE_CHUNKS + 10))) is None
    large = chunk(b"tIME", bytes(BYTES_PER_CHUNK))
    assert recognise(in_png(large * 10 * FREE_CHUNKS)) is not None
