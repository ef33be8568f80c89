import numpy as np
from PIL import Image

from conversion.preprocessing.explanation import Explanation
from conversion.preprocessing.picture import PANEL, draw
from harness.images import preprocessing
from model_spec import Preprocessing
from preprocessing.orientation import Box
from preprocessing.resize.sizes import sides

PHOTOGRAPH, SEEN, FRAME, PAPER = (10, 20, 200), (20, 200, 30), (220, 30, 30), (255, 255, 255)
MARGIN, TOP = 24, 48


def explanation(wanted: Preprocessing, width: int = 100, height: int = 50) -> Explanation:
    """Of a blue photograph of which a model claims to see only green."""
    across, down = sides(width, height, Box(0, 0, width, height), wanted)
    photograph = Image.new("RGB", (width, height), PHOTOGRAPH)
    seen = np.array(SEEN[: wanted.channels.number], np.uint8)
    pixels = np.broadcast_to(seen, wanted.pixels_shape)
    return Explanation("blue.png", "toy:1", wanted, photograph, across, down, pixels.copy())


def test_it_shows_the_photograph_with_a_frame_and_what_the_model_sees() -> None:
    picture = draw(explanation(preprocessing(20, 20)))

    # The middle half of the photograph, which fills the left panel's width, is framed.
    assert picture.getpixel((MARGIN + 5, TOP + 100)) == PHOTOGRAPH
    assert picture.getpixel((MARGIN + PANEL // 4 + 1, TOP + 100)) == FRAME
    assert picture.getpixel((MARGIN + PANEL // 2, TOP + 100)) == PHOTOGRAPH
    assert picture.getpixel((MARGIN + 3 * PANEL // 4 - 2, TOP + 100)) == FRAME
    assert picture.getpixel((MARGIN + PANEL // 2, TOP + PANEL // 2 + 10)) == PAPER
    assert picture.getpixel((2 * MARGIN + PANEL + 200, TOP + 200)) == SEEN


def test_the_numbers_are_written_below() -> None:
    picture = np.asarray(draw(explanation(preprocessing(20, 20))).convert("L"))

    below = picture[TOP + PANEL :]
    assert below.min() < 100
    assert (below[:, :MARGIN] == 255).all()
    assert (below[:, -MARGIN // 2 :] == 255).all()  # every line fits


def test_a_grey_model_sees_grey() -> None:
    fields = {"channels": "grey", "mean": [0], "std": [1]}
    wanted = Preprocessing.model_validate(preprocessing(20, 20).model_dump() | fields)

    picture = draw(explanation(wanted))

    assert picture.getpixel((2 * MARGIN + PANEL + 200, TOP + 200)) == (20, 20, 20)


def test_a_tall_photograph_fits() -> None:
    assert draw(explanation(preprocessing(20, 20), 1, 900)).width == 2 * PANEL + 3 * MARGIN
