from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from harness.images import LIMITS, STORED_AS, preprocessing, rotated_twin, save, textured
from inference import open_session
from model_spec import Interpolation, ModelSpec, Preprocessing, ResizeMode, Size
from preprocessing import decode, transform
from preprocessing.resize import simd
from preprocessing.transform import crop_box
from settings import Device

# Largest difference of one pixel from torchvision's Resize and CenterCrop, and the mean over an
# image, of 255. Pillow keeps a resize's box in 32-bit floats and resamples in two passes, each
# rounded to 8 bits: where a value lies on a rounding edge, each pass may round it the other
# way, and both may meet; so with the SIMD library, whose weights have 16 bits. The passes in the
# other order differ by 0.4 and 25.
MAX_DIFFERENCE = 2
MEAN_DIFFERENCE = 0.01

# Where Pillow itself resizes, of photographs up to 16:9: those 32-bit floats alone.
MEAN_DIFFERENCE_OF_EXACT = 0.001
LONGEST, LONGEST_OF_BILINEAR = 16 / 9, 3

# Pillow 13 chooses the order of its passes by size, another one for the crop than for the whole
# image for portraits up to about 400 wide.
LANDSCAPE = [(600, 296), (640, 480), (500, 375), (500, 333), (400, 300), (333, 217), (1001, 667)]
PORTRAIT = [(480, 640), (375, 500), (333, 500), (300, 400), (300, 533), (240, 320), (217, 333)]
SQUARE = [(500, 500), (257, 257), (256, 256), (225, 224), (224, 224), (128, 128)]
NARROW = [(2000, 150), (150, 2000), (320, 80), (80, 320)]
TINY = [(7, 5), (5, 7), (1, 1), (1, 20)]
SIZES = [*LANDSCAPE, (320, 240), *PORTRAIT, (667, 1001), *SQUARE, *NARROW, *TINY]

RESIZE_AND_CROP = [(256, 224), (232, 224), (224, 224), (342, 299), (235, 224), (384, 384)]

PRESETS = ["ResNet50", "EfficientNet_B0", "Swin_T", "Inception_V3"]


def difference(
    actual: npt.NDArray[np.uint8], expected: npt.NDArray[np.uint8]
) -> npt.NDArray[np.int64]:
    assert actual.shape == expected.shape
    return np.abs(actual.astype(np.int64) - expected.astype(np.int64))


of_every_size = pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")


@of_every_size
@pytest.mark.parametrize(("resize", "crop"), RESIZE_AND_CROP)
@pytest.mark.parametrize("interpolation", [Interpolation.BILINEAR, Interpolation.BICUBIC])
def test_pixels_are_those_of_torchvision(
    interpolation: Interpolation, resize: int, crop: int, size: tuple[int, int]
) -> None:
    check_pixels(interpolation, resize, crop, size)


@of_every_size
@pytest.mark.parametrize("interpolation", [Interpolation.BILINEAR, Interpolation.BICUBIC])
def test_pixels_are_those_of_torchvision_without_the_simd_library(
    interpolation: Interpolation, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simd, "library", None)

    check_pixels(interpolation, 256, 224, size)


def check_pixels(
    interpolation: Interpolation, resize: int, crop: int, size: tuple[int, int]
) -> None:
    image = textured(*size)
    expected = of_torchvision(image, interpolation, resize, crop)

    actual = transform(image, preprocessing(resize, crop, interpolation))

    assert actual.shape == (crop, crop, 3)
    assert actual.dtype == np.uint8
    differences = difference(actual, expected)
    assert differences.max() <= MAX_DIFFERENCE
    assert differences.mean() <= MEAN_DIFFERENCE


def of_torchvision(
    image: Image.Image, interpolation: Interpolation, resize: int, crop: int
) -> npt.NDArray[np.uint8]:
    transforms: Any = pytest.importorskip("torchvision.transforms")
    resized = transforms.Resize(resize, transforms.InterpolationMode(interpolation.value))(image)
    return np.asarray(transforms.CenterCrop(crop)(resized))


@of_every_size
@pytest.mark.parametrize(("resize", "crop"), RESIZE_AND_CROP[:2])
def test_exact_pixels_are_those_of_torchvision_where_ties_are_frequent(
    resize: int, crop: int, size: tuple[int, int]
) -> None:
    image = textured(*size)
    exact = preprocessing(resize, crop).model_copy(update={"exact_pixels": True})
    expected = of_torchvision(image, Interpolation.BILINEAR, resize, crop)

    found = transform(image, exact)

    if max(size) <= LONGEST_OF_BILINEAR * min(size):
        assert (found == expected).all()
    assert difference(found, expected).max() <= 1
    assert difference(found, expected).mean() <= MEAN_DIFFERENCE


@of_every_size
@pytest.mark.parametrize("interpolation", [Interpolation.BICUBIC, Interpolation.LANCZOS])
def test_exact_pixels_are_nearly_all_those_of_torchvision(
    interpolation: Interpolation, size: tuple[int, int]
) -> None:
    image = textured(*size)
    exact = preprocessing(256, 224, interpolation).model_copy(update={"exact_pixels": True})

    differences = difference(
        transform(image, exact), of_torchvision(image, interpolation, 256, 224)
    )

    ordinary = max(size) <= LONGEST * min(size)
    assert differences.max() <= 1
    assert differences.mean() <= (MEAN_DIFFERENCE_OF_EXACT if ordinary else MEAN_DIFFERENCE)


@pytest.mark.parametrize("name", PRESETS)
def test_normalised_pixels_are_those_of_the_weights_own_preset(name: str) -> None:
    models: Any = pytest.importorskip("torchvision.models")
    preset = getattr(models, f"{name}_Weights").DEFAULT.transforms()
    mean, std = np.array(preset.mean) * 255, np.array(preset.std) * 255
    ours = Preprocessing(
        resize_size=Size.square(preset.resize_size[0]),
        crop_size=Size.square(preset.crop_size[0]),
        interpolation=Interpolation(preset.interpolation.value),
        mean=tuple(mean),
        std=tuple(std),
        source=name,
    )
    image = textured(640, 480)

    actual = (transform(image, ours) - np.array(ours.mean)) / np.array(ours.std)

    differences = np.abs(actual - preset(image).permute(1, 2, 0).numpy())
    assert (differences <= MAX_DIFFERENCE / std + 1e-5).all()
    assert (differences.mean(axis=(0, 1)) <= MEAN_DIFFERENCE / std + 1e-5).all()


def test_an_image_of_the_resized_size_is_only_cropped() -> None:
    image = textured(8, 6)

    # Left of the four columns: (8 - 4) / 2 = 2; top of the four rows: (6 - 4) / 2 = 1.
    assert (transform(image, preprocessing(6, 4)) == np.asarray(image)[1:5, 2:6]).all()


@pytest.mark.parametrize(("width", "left"), [(5, 0), (7, 2), (9, 2), (11, 4)])
def test_half_an_offset_is_rounded_to_even(width: int, left: int) -> None:
    image = textured(width, 4)  # offsets 0.5, 1.5, 2.5 and 3.5

    assert (transform(image, preprocessing(4, 4)) == np.asarray(image)[:, left : left + 4]).all()


def test_an_image_of_the_crop_size_is_unchanged() -> None:
    image = textured(224, 224)

    assert (transform(image, preprocessing(224, 224)) == np.asarray(image)).all()


@pytest.mark.parametrize("interpolation", Interpolation)
def test_one_colour_stays_that_colour_under_every_filter(interpolation: Interpolation) -> None:
    image = Image.new("RGB", (333, 217), (10, 128, 250))

    pixels = transform(image, preprocessing(232, 224, interpolation))

    assert (pixels == np.array([10, 128, 250])).all()


def test_nearest_repeats_whole_pixels() -> None:
    image = textured(2, 2)
    expected = np.asarray(image).repeat(2, axis=0).repeat(2, axis=1)

    assert (transform(image, preprocessing(4, 4, Interpolation.NEAREST)) == expected).all()


@pytest.mark.parametrize("orientation", STORED_AS)
def test_an_image_and_its_rotated_twin_give_the_same_pixels_and_prediction(
    orientation: int, toy_folder: Path, toy_spec: ModelSpec
) -> None:
    session = open_session(toy_folder, Device.CPU, intra_op_threads=1)
    upright = textured(40, 30)

    pixels = [
        transform(decode(encoded, LIMITS), toy_spec.preprocessing)
        for encoded in (save(upright, "PNG"), rotated_twin(upright, orientation))
    ]

    assert (pixels[0] == pixels[1]).all()
    one, other = session.run(np.stack(pixels))
    assert (one == other).all()


@pytest.mark.parametrize(
    ("size", "mode", "box"),
    [
        # Resized to 341 x 256, of which the crop leaves 58 (of 58.5) and 16 pixels on each side.
        ((448, 336), ResizeMode.SHORTEST_SIDE, (448 * 58 / 341, 21, 448 * 282 / 341, 315)),
        ((256, 256), ResizeMode.SHORTEST_SIDE, (16, 16, 240, 240)),
        ((400, 300), ResizeMode.SQUASH, (25, 18.75, 375, 281.25)),
        # Resized to 256 x 128: 48 rows of padding above and below.
        ((512, 256), ResizeMode.LONGEST_SIDE, (32, -96, 480, 352)),
    ],
)
def test_the_box_of_the_crop_is_told_in_the_pixels_of_the_photograph(
    size: tuple[int, int], mode: ResizeMode, box: tuple[float, ...]
) -> None:
    wanted = preprocessing(256, 224).model_copy(update={"resize_mode": mode})
    assert crop_box(*size, wanted) == pytest.approx(box)


def test_the_box_of_the_crop_is_what_is_shown() -> None:
    wanted = preprocessing(8, 4, Interpolation.BOX)
    photograph = Image.new("RGB", (32, 16))
    left, top, right, bottom = (round(edge) for edge in crop_box(32, 16, wanted))
    assert (left, top, right, bottom) == (12, 4, 20, 12)
    photograph.paste((255, 255, 255), (left, top, right, bottom))
    assert (transform(photograph, wanted) == 255).all()
