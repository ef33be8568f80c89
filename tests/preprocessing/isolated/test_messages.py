import mmap

from harness.images import preprocessing
from model_spec import Interpolation
from preprocessing.decode_limits import DecodeLimits
from preprocessing.isolated.messages import MAX_REPLY_BYTES, SETUP_JSON, Reply, Setup

SETUP = Setup(
    preprocessing=preprocessing(64, 48, Interpolation.LANCZOS),
    limits=DecodeLimits(max_pixels=1000, max_aspect_ratio=7.5),
    least_side=None,
    memory_bytes=100,
    max_encoded_bytes=200,
)


def test_a_setup_survives_the_command_line() -> None:
    assert SETUP_JSON.validate_json(SETUP_JSON.dump_json(SETUP)) == SETUP


def test_pixels_and_image_lie_on_pages_of_their_own() -> None:
    assert SETUP.pixels_shape == (48, 48, 3)
    assert SETUP.pixels_start == mmap.PAGESIZE
    assert SETUP.encoded_start == mmap.PAGESIZE * (1 + -(-48 * 48 * 3 // mmap.PAGESIZE))
    assert SETUP.memory_size == SETUP.encoded_start + 200


def test_a_reply_survives_the_way() -> None:
    reply = Reply(
        seconds=0.25,
        code="corrupt_image",
        message="message",
        out_of_memory=True,
        signal=9,
        size=(3, 4),
    )
    sent = reply.model_dump_json().encode()

    assert Reply.model_validate_json(sent) == reply
    assert len(sent) < MAX_REPLY_BYTES
