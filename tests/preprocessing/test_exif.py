import struct
import time

import pytest
from PIL import Image

from errors import CorruptImage
from preprocessing import DecodeLimits, decode
from preprocessing.exif import MAX_BYTES, MAX_TAGS, has_too_many_tags, is_exif
from tests.support.images import save

LIMITS = DecodeLimits(max_pixels=1_000_000, max_aspect_ratio=20.0)

# Far more than it takes to look at them, less than to read them.
CPU_SECONDS = 0.3


def tiff(tags: int, order: str = ">", *, start: int = 8) -> bytes:
    """Exif data that turns the image, and has more tags that do nothing."""
    turned = struct.pack(order + "HHLHH", 0x0112, 3, 1, 6, 0)
    others = b"".join(
        struct.pack(order + "HHLL", 1000 + number, 4, 1, 7) for number in range(tags - 1)
    )
    head = (b"MM\0*" if order == ">" else b"II*\0") + struct.pack(order + "L", start)
    return head.ljust(start, b"\0") + struct.pack(order + "H", tags) + turned + others + bytes(4)


@pytest.mark.parametrize("order", "><")
@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0", b"Exif\0\0Exif\0\0"])
@pytest.mark.parametrize("start", [8, 100])
def test_just_as_many_tags_as_allowed_pass(order: str, prefix: bytes, start: int) -> None:
    assert is_exif(prefix + tiff(1, order))
    assert not has_too_many_tags(prefix + tiff(MAX_TAGS, order, start=start))
    assert has_too_many_tags(prefix + tiff(MAX_TAGS + 1, order, start=start))


def test_big_tiff_is_too_much() -> None:
    assert has_too_many_tags(b"MM\0+\0\x08\0\0" + bytes(16))


@pytest.mark.parametrize("content", [b"", b"Exif\0\0", b"MM", b"II*\0\xff\xff\xff\xff", b"\x12\0"])
def test_what_is_none_or_cut_off_has_no_tags(content: bytes) -> None:
    assert not has_too_many_tags(content)


@pytest.mark.parametrize("image_format", ["PNG", "WEBP", "AVIF"])
def test_exif_data_turns_an_image_if_it_is_not_too_much(image_format: str) -> None:
    image = Image.new("RGB", (32, 16))
    assert decode(save(image, image_format, exif=b"Exif\0\0" + tiff(300)), LIMITS).size == (16, 32)


@pytest.mark.parametrize("image_format", ["PNG", "WEBP"])
def test_too_many_tags_are_not_read(image_format: str) -> None:
    file = save(Image.new("RGB", (32, 16)), image_format, exif=b"Exif\0\0" + tiff(60_000))
    started = time.process_time()
    assert decode(file, LIMITS).size == (32, 16)
    assert time.process_time() - started < CPU_SECONDS


@pytest.mark.parametrize(
    "exif", [tiff(MAX_TAGS + 1), tiff(1) + bytes(MAX_BYTES)], ids=["tags", "bytes"]
)
def test_an_avif_with_too_much_exif_data_is_refused(exif: bytes) -> None:
    # Without a turn Pillow stores the data as it is.
    stored = exif.replace(b"\x01\x12", b"\x01\x13")
    file = save(Image.new("RGB", (32, 16)), "AVIF", exif=b"Exif\0\0" + stored)
    with pytest.raises(CorruptImage, match="too much Exif data"):
        decode(file, LIMITS)
