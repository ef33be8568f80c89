import struct

import pytest
from PIL import Image

from harness.images import exif, save, textured
from hostile.images.containers import in_jpeg, segment
from preprocessing.ordinary import recognise
from preprocessing.ordinary.jpeg import MAX_SEGMENTS, MAX_TABLE_BYTES

PHOTO = textured(40, 24)
JPEG = save(PHOTO, "JPEG")
XMP = b'http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation="8"/>'


def with_marker(marker: int, content: bytes = b"") -> bytes:
    return in_jpeg(segment(marker, content), JPEG)


def patched(old: bytes, new: bytes) -> bytes:
    assert JPEG.count(old) == 1
    return JPEG.replace(old, new)


@pytest.mark.parametrize(
    ("encoded", "passes"),
    [
        (JPEG, 1),
        (save(PHOTO.convert("L"), "JPEG"), 1),
        (save(PHOTO, "JPEG", progressive=True), 11),
        (save(PHOTO, "JPEG", subsampling=0), 1),
        (save(PHOTO, "JPEG", subsampling=1), 1),
        (save(PHOTO, "JPEG", restart_marker_rows=1), 1),
        (save(PHOTO, "JPEG", optimize=True, icc_profile=bytes(200_000), comment="a cat"), 1),
    ],
    ids=["baseline", "grey", "progressive", "4:4:4", "4:2:2", "restarts", "with metadata"],
)
def test_usual_files_are_ordinary(encoded: bytes, passes: int) -> None:
    image = recognise(encoded)

    assert image is not None
    assert (image.format, image.width, image.height) == ("JPEG", 40, 24)
    assert (image.orientation, image.passes) == (1, passes)


def test_only_what_pixels_depend_on_is_kept() -> None:
    filled = in_jpeg(
        segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0") + segment(0xFE, b"cat"), JPEG
    )

    for encoded in (filled, filled + b"a film, as phones write it"):
        image = recognise(encoded)
        assert image is not None
        assert image.content == JPEG


def test_what_the_channels_mean_is_kept() -> None:
    adobe = segment(0xEE, b"Adobe\0d\0\0\0\0\0")

    image = recognise(in_jpeg(adobe + segment(0xEE, b"else"), JPEG))

    assert image is not None
    assert image.content == in_jpeg(adobe, JPEG)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_is_read(orientation: int) -> None:
    image = recognise(save(PHOTO, "JPEG", exif=exif(orientation)))

    assert image is not None
    assert image.orientation == orientation


def test_an_xmp_packet_says_the_orientation_if_exif_does_not() -> None:
    alone, beside = (
        with_marker(0xE1, XMP),
        in_jpeg(segment(0xE1, XMP), save(PHOTO, "JPEG", exif=exif(3))),
    )

    assert [image and image.orientation for image in map(recognise, (alone, beside))] == [8, 3]


@pytest.mark.parametrize(
    "encoded",
    [
        in_jpeg(b"\xff\0", JPEG),
        in_jpeg(b"\xff\0\0\x06\xff\xfe\0\x04\xff\xd9", JPEG),
        in_jpeg(b"\xff", JPEG),
        in_jpeg(b"\0", JPEG),
        in_jpeg(b"\xff\x01", JPEG),
        in_jpeg(b"\xff\xd0", JPEG),
        in_jpeg(b"\xff\xfe\0\x01", JPEG),
        JPEG[:-2],
        JPEG[:-2] + b"\xff\x02\0\x08" + JPEG[-2:],
        JPEG[:-2] + b"\xff\xff\xd9",
        with_marker(0xDC, b"\0\x18"),
        with_marker(0xCC, bytes(2)),
        with_marker(0xC0, b"\x08\0\x18\0\x28\x01\x01\x11\0"),
        with_marker(0xDA, b"\x01\x01\0\0\x3f\0"),
        with_marker(0xE1, b"Exif\0\0nonsense"),
        in_jpeg(segment(0xE1, b"Exif\0\0") * 2, JPEG),
        in_jpeg(segment(0xFE) * MAX_SEGMENTS, JPEG),
        in_jpeg(segment(0xDB, bytes(65)) * (MAX_TABLE_BYTES // 65 + 1), JPEG),
        patched(b"\xff\xc0", b"\xff\xc9"),
        patched(struct.pack(">BHHB", 8, 24, 40, 3), struct.pack(">BHHB", 12, 24, 40, 3)),
        patched(struct.pack(">BHHB", 8, 24, 40, 3), struct.pack(">BHHB", 8, 0, 40, 3)),
        patched(b"\x01\x22\0\x02\x11\x01", b"\x01\x22\0\x02\x12\x01"),
        patched(b"\x01\x22\0\x02\x11\x01", b"\x01\x22\0\x01\x11\x01"),
        save(PHOTO.convert("CMYK"), "JPEG"),
    ],
    ids=[
        "FF 00 between segments", "a hidden end", "a fill byte", "junk", "TEM", "a restart",
        "a length below 2", "without an end", "a marker that is none in a scan",
        "a fill byte behind a scan", "DNL", "arithmetic conditioning", "two frames",
        "a scan before its frame", "damaged Exif data", "Exif data twice", "too many segments",
        "too many tables", "arithmetic coding", "12 bits", "no height", "odd sampling",
        "a channel twice", "CMYK",
    ],
)  # fmt: skip
def test_what_readers_may_read_differently_is_not_ordinary(encoded: bytes) -> None:
    assert recognise(encoded) is None


def test_a_scan_of_an_unknown_channel_is_not_ordinary() -> None:
    start = JPEG.index(b"\xff\xda")
    assert recognise(JPEG[: start + 5] + b"\x09" + JPEG[start + 6 :]) is None


def test_the_last_segment_that_is_allowed_is() -> None:
    own = JPEG.count(b"\xff\xc4") + JPEG.count(b"\xff\xdb") + 3  # JFIF, frame, scan
    free = MAX_SEGMENTS - own - 1

    assert recognise(in_jpeg(segment(0xFE) * free, JPEG)) is not None
    assert recognise(in_jpeg(segment(0xFE) * (free + 1), JPEG)) is None


def test_an_image_of_one_pixel_is_ordinary() -> None:
    image = recognise(save(Image.new("RGB", (1, 1)), "JPEG"))

    assert image is not None
    assert (image.width, image.height) == (1, 1)


def test_exif_data_behind_a_scan_turn_nothing() -> None:
    progressive = save(PHOTO, "JPEG", progressive=True)
    scan = progressive.rindex(b"\xff\xda")
    turned = segment(0xE1, exif(6).tobytes())

    image = recognise(progressive[:scan] + turned + progressive[scan:])

    assert image is not None
    assert image.orientation == 1
    assert image.content == progressive
