from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from conversion.preprocessing.explanation import Explanation, explain
from errors import UnsupportedImage
from harness.images import preprocessing, save
from model_spec import Preprocessing
from preprocessing.isolated.messages import Setup
from settings import Settings

WIDE = Image.fromarray(
    np.broadcast_to(np.arange(80, dtype=np.uint8)[None, :, None], (40, 80, 3)).copy()
)
"""80 x 40, a little brighter from column to column."""


def explained(path: Path, encoded: bytes, **fields: Any) -> Explanation:
    wanted = Preprocessing.model_validate(
        preprocessing(20, 10).model_dump() | {"source": "by hand"} | fields
    )
    path.write_bytes(encoded)
    return explain(path, "toy:1", Setup.from_settings(wanted, Settings()))


def test_the_crop_is_where_the_model_looks(tmp_path: Path) -> None:
    found = explained(tmp_path / "wide.png", save(WIDE, "PNG"))

    # Resized to 40 x 20; the crop begins at (15, 5), which is twice that in the photograph.
    assert found.crop == (30, 10, 50, 30)
    assert found.pixels.shape == (10, 10, 3)
    assert (found.pixels[:, :, 0] > 29).all()
    assert (found.pixels[:, :, 0] < 51).all()


def test_everything_is_told_in_lines(tmp_path: Path) -> None:
    found = explained(
        tmp_path / "red.png",
        save(Image.new("RGB", (80, 40), (255, 10, 0)), "PNG"),
        channels="bgr",
        mean=[0, 10, 127.5],
        std=[1, 1, 127.5],
    )

    assert found.lines == (
        "model: toy:1",
        "preprocessing: resize 20 (shortest_side), crop 10, bilinear, bgr, "
        "mean 0 0.03922 0.5, std 0.003922 0.003922 0.5",
        "known from: by hand",
        "photograph: red.png, decoded to 80 x 40 pixels",
        "resized to 40 x 20; of that, 10 x 10 from (15, 5): 12% of the photograph",
        "B: pixels 0 to 0, mean 0.0; the network gets 0.00 to 0.00, mean 0.00, deviation 0.00",
        "G: pixels 10 to 10, mean 10.0; the network gets 0.00 to 0.00, mean 0.00, deviation 0.00",
        "R: pixels 255 to 255, mean 255.0; the network gets 1.00 to 1.00, mean 1.00, "
        "deviation 0.00",
    )


def test_all_of_a_padded_photograph_is_seen(tmp_path: Path) -> None:
    found = explained(
        tmp_path / "wide.png", save(WIDE, "PNG"), resize_size=10, resize_mode="longest_side"
    )

    assert found.crop == (0, 0, 80, 40)
    assert found.lines[4] == (
        "resized to 10 x 5; of that, 10 x 5 from (0, 0): 100% of the photograph"
    )


@pytest.mark.parametrize("image_format", ["JPEG", "GIF", "AVIF"])
def test_a_photograph_is_decoded_as_the_service_does_it(image_format: str, tmp_path: Path) -> None:
    large = WIDE.resize((800, 400))

    found = explained(tmp_path / "large", save(large, image_format))

    # 400 / 8 = 50 pixels are two and a half times the 20 of the resize.
    size = (100, 50) if image_format == "JPEG" else (800, 400)
    assert found.photograph.size == size


def test_grey_has_one_line(tmp_path: Path) -> None:
    found = explained(
        tmp_path / "wide.png", save(WIDE, "PNG"), channels="grey", mean=[0], std=[255]
    )

    assert found.lines[5:] == (
        "grey: pixels 31 to 49, mean 40.0; the network gets 0.12 to 0.19, mean 0.16, "
        "deviation 0.02",
    )


def test_what_is_no_image_is_refused_as_by_the_service(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedImage):
        explained(tmp_path / "text", b"no image")
