"""AVIF files whose header says less than what a decoder would have to do."""

import struct
import time
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from errors import CorruptImage, ImageTooLarge, UnsupportedImage
from preprocessing import DecodeLimits, decode
from preprocessing.av1 import MAX_UNITS
from preprocessing.avif import frame_sizes, is_avif
from tests.support.avifs import Avif, box, frame, full_box, pieces_of_nothing
from tests.support.images import save, textured

LIMITS = DecodeLimits(max_pixels=25_000_000, max_aspect_ratio=20.0)

# Far more than any of these takes when it is refused, far less than decoding it would.
CPU_SECONDS = 0.3

HONEST = Avif(frame(64, 48), (64, 48))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
@pytest.mark.parametrize("options", [{}, {"tile_rows": 1, "tile_cols": 1}], ids=["", "tiles"])
def test_pillows_files_have_a_frame_of_their_size_for_colour_and_one_for_transparency(
    mode: str, options: dict[str, Any]
) -> None:
    image = textured(300, 200).convert(mode)
    if mode == "RGBA":
        image.putalpha(128)
    encoded = save(image, "AVIF", speed=10, **options)
    assert frame_sizes(encoded) == [(300, 200)] * (2 if mode == "RGBA" else 1)


def test_of_an_animation_the_first_picture_counts() -> None:
    frames = [Image.new("RGB", (90, 60), (i, 0, 0)) for i in range(5)]
    encoded = save(frames[0], "AVIF", save_all=True, append_images=frames[1:])
    # The same frame is a still picture for readers that know no animations.
    assert frame_sizes(encoded) == [(90, 60)] * 2


@pytest.mark.parametrize(
    "file",
    [HONEST, HONEST.with_(in_idat=True), HONEST.with_(extents=3), HONEST.with_(items=2)],
    ids=["mdat", "idat", "in pieces", "an item more"],
)
def test_files_by_hand_are_what_pillow_takes(file: Avif) -> None:
    encoded = file.encoded()
    assert frame_sizes(encoded) == [(64, 48)] * file.items
    assert decode(encoded, LIMITS).size == (64, 48)


@pytest.mark.parametrize(
    "file",
    [
        lambda large: Avif(large, (64, 64)),
        lambda large: Avif(large, (64, 64), in_idat=True),
        lambda large: Avif(large, (64, 64), extents=7),
    ],
    ids=["mdat", "idat", "in pieces"],
)
def test_a_frame_that_is_larger_than_the_header_says_is_not_decoded(
    file: Callable[..., Avif],
) -> None:
    encoded = file(frame(6000, 6000)).encoded()
    started = time.process_time()
    with pytest.raises(ImageTooLarge, match="6000 x 6000 = 36000000 pixels"):
        decode(encoded, LIMITS)
    assert time.process_time() - started < CPU_SECONDS


def test_the_first_frame_of_an_animation_that_lies_is_not_decoded() -> None:
    frames = [Image.new("RGB", (600, 600), (i, 0, 0)) for i in range(2)]
    encoded = save(frames[0], "AVIF", save_all=True, append_images=frames[1:])
    small = struct.pack(">II", 600, 600), struct.pack(">II", 60, 60)
    with pytest.raises(ImageTooLarge, match="600 x 600"):
        decode(encoded.replace(*small), DecodeLimits(10_000, 20.0))


def test_frames_are_counted_together() -> None:
    limits = DecodeLimits(64 * 48, 20.0)
    assert decode(HONEST.with_(items=4).encoded(), limits).size == (64, 48)
    with pytest.raises(ImageTooLarge, match="5 frames of 15360 pixels, more than 4 times"):
        decode(HONEST.with_(items=5).encoded(), limits)
    with pytest.raises(ImageTooLarge, match="5 frames"):
        decode(HONEST.with_(repeats=5).encoded(), limits)


FLOODS = {
    "items": HONEST.with_(items=20_000).encoded,
    "references": HONEST.with_(references=1_000_000).encoded,
    "pieces": HONEST.with_(extents=20_000).encoded,
    "pieces of many items": HONEST.with_(items=10, extents=500).encoded,
    "pieces of nothing": pieces_of_nothing,
}


@pytest.mark.parametrize("name", FLOODS)
def test_an_index_that_takes_long_to_search_is_refused_at_once(name: str) -> None:
    encoded = FLOODS[name]()
    started = time.process_time()
    with pytest.raises(CorruptImage, match="index is too long"):
        decode(encoded, LIMITS)
    assert time.process_time() - started < CPU_SECONDS


def test_a_bitstream_of_many_units_is_refused() -> None:
    temporal_delimiter = b"\x12\0"
    units = HONEST.frame.bitstream.count(b"\x32") + 2
    padded = temporal_delimiter * (MAX_UNITS - units) + HONEST.frame.bitstream
    still = Avif(type(HONEST.frame)(padded, HONEST.frame.configuration), (64, 48))
    assert frame_sizes(still.encoded()) == [(64, 48)]
    flood = Avif(type(HONEST.frame)(padded * 2, HONEST.frame.configuration), (64, 48))
    with pytest.raises(CorruptImage, match="too many units"):
        frame_sizes(flood.encoded())


def test_items_that_share_too_many_bytes_are_refused() -> None:
    with pytest.raises(CorruptImage, match="overlap"):
        frame_sizes(HONEST.with_(items=100, repeats=40).encoded())


@pytest.mark.parametrize(
    "kind", [b"moov", b"trak", b"iprp", b"meta"], ids=["moov", "trak", "iprp", "meta"]
)
def test_boxes_within_boxes_end(kind: bytes) -> None:
    nested = b""
    for _ in range(2000):
        nested = full_box(kind, nested) if kind == b"meta" else box(kind, nested)
    assert frame_sizes(HONEST.encoded() + nested) == [(64, 48)]


def test_an_avif_cut_off_in_its_index_is_corrupt() -> None:
    with pytest.raises(CorruptImage, match="the AVIF's index is cut off"):
        decode(HONEST.encoded()[:50], LIMITS)


def test_what_is_not_coded_in_av1_is_unsupported() -> None:
    heic = box(b"ftyp", b"mif1\0\0\0\0mif1heic") + full_box(b"meta", b"")
    assert is_avif(heic)
    with pytest.raises(UnsupportedImage, match="AVIF without an AV1 frame"):
        decode(heic, LIMITS)


# Bits of a sequence header that is not reduced, as encoders of films write it, with every
# optional part, and of the beginning of a frame header; AV1 specification, 5.5.1 and 5.9.2.
TIMED = "1" + "0" * 64 + "0" + "1" + "00011" + "0" * 32 + "00000" + "00111"
UNTIMED = "0"
POINTS = "1" + "00001" + ("0" * 12 + "01000" + "1") + "{model}" + "1" + "0000"
SIZES = "1111" + "1111" + f"{99:016b}" + f"{49:016b}"
TOOLS = "1" + "0010" + "011" + "0" * 7 + "1" + "00" + "1" + "1"


def sequence(timed: bool) -> str:
    points = POINTS.format(model="1" + "0" * 9 if timed else "")
    second = "0" * 12 + "00000" + ("0" if timed else "") + "0"
    return "000" + "0" + "0" + (TIMED if timed else UNTIMED) + points + second + SIZES + TOOLS


def frame_header(timed: bool, override: bool) -> str:
    presentation_time = "0" * 8 if timed else ""
    identity = "0" * 8  # 2 + 3 + 3 bits
    return "0" + "00" + "1" + presentation_time + "0" + "1" + "0" + identity + f"{override:b}"


def unit(kind: int, bits: str) -> bytes:
    content = int(bits.ljust(-len(bits) % 8 + len(bits), "0"), 2)
    size = (len(bits) + 7) // 8
    return bytes((kind << 3 | 2, size)) + content.to_bytes(size, "big")


@pytest.mark.parametrize("timed", [False, True])
def test_a_frame_with_a_size_of_its_own_may_be_as_large_as_its_bits_allow(timed: bool) -> None:
    for override, size in ((False, (100, 50)), (True, (65536, 65536))):
        stream = unit(1, sequence(timed)) + unit(6, frame_header(timed, override))
        file = Avif(type(HONEST.frame)(stream, HONEST.frame.configuration), (64, 48))
        assert frame_sizes(file.encoded()) == [size]


def test_a_frame_that_is_shown_again_has_the_size_of_all() -> None:
    stream = unit(1, sequence(False)) + unit(3, "1")
    file = Avif(type(HONEST.frame)(stream, HONEST.frame.configuration), (64, 48))
    assert frame_sizes(file.encoded()) == [(100, 50)]


def test_cut_off_headers_are_corrupt() -> None:
    stream = unit(1, sequence(True))[:20]
    file = Avif(type(HONEST.frame)(stream, HONEST.frame.configuration), (64, 48))
    with pytest.raises(CorruptImage, match="the AVIF's index is damaged"):
        frame_sizes(file.encoded())
