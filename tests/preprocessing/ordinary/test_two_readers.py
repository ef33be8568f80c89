"""What is recognised as ordinary is what Pillow sees in the whole file, whatever its bytes."""

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from preprocessing.ordinary import recognise
from preprocessing.orientation import orientation_of
from tests.support.images import exif, save, textured

pytestmark = pytest.mark.filterwarnings("ignore")

PHOTO = textured(24, 16)
FILES = {
    "JPEG": save(PHOTO, "JPEG", exif=exif(6)),
    "progressive JPEG": save(PHOTO, "JPEG", progressive=True),
    "JPEG with restarts": save(PHOTO, "JPEG", restart_marker_blocks=1),
    "grey JPEG": save(PHOTO.convert("L"), "JPEG"),
    "PNG": save(PHOTO, "PNG"),
    "palette PNG": save(PHOTO.convert("P"), "PNG", transparency=3),
    "WebP": save(PHOTO, "WEBP", exif=exif(6)),
}
PIECES = (b"\xff", b"\0", b"\xff\0", b"\xff\xd9", b"\xff\xd0", b"\xff\xda", b"\xff\x02\0\x08")


def seen(content: bytes) -> tuple[int, bytes] | None:
    """Orientation and pixels, as Pillow has them; None if it does not decode the file."""
    try:
        with Image.open(BytesIO(content), formats=("JPEG", "PNG", "WEBP")) as image:
            return orientation_of(image), np.asarray(image.convert("RGBA")).tobytes()
    except Exception:
        return None


def agree(content: bytes) -> bool:
    """Whether the file was recognised, in which case both readers must agree."""
    image = recognise(content)
    if image is None:
        return False
    kept, whole = seen(image.content), seen(content)
    if whole is not None:
        assert kept is not None
        assert (image.orientation, kept[1]) == whole
    return True


@pytest.mark.parametrize("name", FILES)
def test_sound_files_are_recognised(name: str) -> None:
    assert agree(FILES[name])


@given(name=st.sampled_from(list(FILES)), data=st.data())
@settings(max_examples=400, deadline=None)
@pytest.mark.slow
def test_damaged_files_are_seen_as_pillow_sees_them(name: str, data: st.DataObject) -> None:
    content = bytearray(FILES[name])
    places = st.integers(0, 60) | st.integers(0, len(content) - 1)
    for place, bit in data.draw(st.lists(st.tuples(places, st.integers(0, 7)), max_size=3)):
        content[place] ^= 1 << bit
    piece = data.draw(st.sampled_from([b"", *PIECES]) | st.binary(max_size=4))
    where = data.draw(places)
    agree(bytes(content[:where] + piece + content[where:]))
