import pytest

from harness.images import exif, save, textured
from hostile.images.containers import WEBP, riff, webp_canvas, webp_frame
from preprocessing.ordinary import recognise

PHOTO = textured(40, 24)
PLAIN = save(PHOTO, "WEBP")
FRAME, CANVAS = webp_frame(PLAIN), webp_canvas(40, 24)
EXIF = (b"EXIF", exif(6).tobytes())


def test_a_lossy_picture_is_ordinary() -> None:
    image = recognise(PLAIN)

    assert image is not None
    assert (image.format, image.width, image.height) == ("WEBP", 40, 24)
    assert (image.orientation, image.passes, image.content) == (1, 1, PLAIN)


def test_metadata_and_what_follows_are_left_out() -> None:
    image = recognise(save(PHOTO, "WEBP", icc_profile=bytes(300), xmp=b"xmp") + b"more")

    assert image is not None
    assert image.content == PLAIN


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_is_read(orientation: int) -> None:
    image = recognise(save(PHOTO, "WEBP", exif=exif(orientation)))

    assert image is not None
    assert image.orientation == orientation


@pytest.mark.parametrize(
    "encoded",
    [
        save(PHOTO, "WEBP", lossless=True),
        save(PHOTO, "WEBP", save_all=True, append_images=[textured(40, 24, seed=1)]),
        riff([webp_canvas(16, 16), FRAME]),
        riff([webp_canvas(40, 24, animated=True), FRAME]),
        riff([CANVAS, FRAME, FRAME]),
        riff([CANVAS, (b"abcd", b""), FRAME]),
        riff([CANVAS, (b"ALPH", b""), FRAME]),
        riff([FRAME, EXIF]),
        riff([FRAME, CANVAS]),
        riff([CANVAS, FRAME, EXIF]),
        riff([CANVAS, FRAME, (b"XMP ", b"")]),
        riff([CANVAS]),
        riff([(b"VP8 ", FRAME[1][:9])]),
        riff([(b"VP8 ", b"\x01" + FRAME[1][1:])]),
        PLAIN[:-1],
        b"RIFF\x10\0\0\0WAVEfmt ",
    ],
    ids=[
        "lossless", "animated", "another canvas", "animated canvas", "two frames",
        "an unknown chunk", "transparency", "Exif data without a canvas", "the canvas last",
        "Exif data that are not announced", "XMP that is not announced", "no frame",
        "a short frame", "no key frame", "cut off", "sound",
    ],
)  # fmt: skip
def test_what_is_not_plain_is_not_ordinary(encoded: bytes) -> None:
    assert recognise(encoded) is None


def test_the_small_picture_of_the_corpus_is_ordinary() -> None:
    assert recognise(WEBP) is not None
