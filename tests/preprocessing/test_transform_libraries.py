"""The pixels of torchvision, timm and transformers, by their own pipelines."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from harness.images import preprocessing, textured
from model_spec import Channels, Interpolation, Preprocessing, ResizeMode, Rounding
from preprocessing import transform
from preprocessing.pixels import Pixels
from preprocessing.resize import simd
from tests.preprocessing.test_transform import MAX_DIFFERENCE, MEAN_DIFFERENCE, difference

SIZES = [
    *((640, 480), (480, 640), (500, 500), (224, 224)),
    *((333, 217), (217, 333), (1001, 667), (2000, 150), (150, 2000)),
    *((7, 5), (1, 20)),
]
"""Landscape, portrait, square; odd, long and narrow; tiny."""

PADDING = (124, 116, 104)

GREY: dict[str, Any] = {"channels": "grey", "mean": [0], "std": [1]}

Pipeline = Callable[[Image.Image], Any]


def changed(plain: Preprocessing, **fields: Any) -> Preprocessing:
    return Preprocessing.model_validate(plain.model_dump() | fields)


def of(resize: Any, crop: Any, mode: ResizeMode, **fields: Any) -> Preprocessing:
    return changed(
        preprocessing(1, 1), resize_size=resize, crop_size=crop, resize_mode=mode, **fields
    )


def check(pipeline: Pipeline, wanted: Preprocessing) -> None:
    for size in SIZES:
        image = textured(*size)
        expected = as_pixels(pipeline(image)).reshape(wanted.pixels_shape)
        differences = difference(transform(image, wanted), expected)
        assert differences.max() <= MAX_DIFFERENCE, size
        assert differences.mean() <= MEAN_DIFFERENCE, size


def as_pixels(given: Any) -> Pixels:
    """Of an image, or of a tensor ``[channels, H, W]`` on the scale 0…255."""
    if isinstance(given, Image.Image):
        return np.asarray(given)
    return np.asarray(given).transpose(1, 2, 0).round().astype(np.uint8)


@pytest.fixture(scope="module")
def transforms() -> Any:
    return pytest.importorskip("torchvision.transforms")


@pytest.mark.parametrize("interpolation", Interpolation)
def test_squashed_by_torchvision(interpolation: Interpolation, transforms: Any) -> None:
    method = transforms.InterpolationMode(interpolation.value)
    for size in ((224, 224), (200, 320)):
        wanted = of(size, size, ResizeMode.SQUASH, interpolation=interpolation)
        check(transforms.Resize(size, method), wanted)


@pytest.mark.parametrize("interpolation", Interpolation)
def test_every_pixel_of_a_squashed_photograph_may_be_torchvisions(
    interpolation: Interpolation, transforms: Any
) -> None:
    pipeline = transforms.Resize((224, 224), transforms.InterpolationMode(interpolation.value))
    exact = of(224, 224, ResizeMode.SQUASH, interpolation=interpolation, exact_pixels=True)

    for size in SIZES:
        image = textured(*size)
        assert (transform(image, exact) == as_pixels(pipeline(image))).all(), size


def test_squashed_and_cropped_without_the_simd_library(
    transforms: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simd, "library", None)
    ways = [transforms.Resize((256, 240)), transforms.CenterCrop((224, 200))]

    check(transforms.Compose(ways), of((256, 240), (224, 200), ResizeMode.SQUASH))


@pytest.mark.parametrize("interpolation", Interpolation)
@pytest.mark.parametrize("crop", [(224, 320), (320, 200)])
def test_a_rectangle_cut_or_padded_by_torchvision(
    interpolation: Interpolation, crop: tuple[int, int], transforms: Any
) -> None:
    method = transforms.InterpolationMode(interpolation.value)
    ways = [transforms.Resize(256, method), transforms.CenterCrop(crop)]

    wanted = of(256, crop, ResizeMode.SHORTEST_SIDE, interpolation=interpolation)
    check(transforms.Compose(ways), wanted)


def test_the_longest_side_by_torchvision(transforms: Any) -> None:
    v2: Any = pytest.importorskip("torchvision.transforms.v2")
    ways = [v2.Resize(size=None, max_size=224), transforms.CenterCrop(256)]
    sizes = [size for size in SIZES if max(size) < 200 * min(size)]
    assert sizes == SIZES

    check(transforms.Compose(ways), of(224, 256, ResizeMode.LONGEST_SIDE))


@pytest.mark.parametrize("interpolation", Interpolation)
def test_grey_by_torchvision(interpolation: Interpolation, transforms: Any) -> None:
    method = transforms.InterpolationMode(interpolation.value)
    ways = [transforms.Grayscale(), transforms.Resize(32, method), transforms.CenterCrop(28)]
    wanted = of(32, 28, ResizeMode.SHORTEST_SIDE, interpolation=interpolation, **GREY)

    check(transforms.Compose(ways), wanted)


TIMM_MODES = {
    "squash": ResizeMode.SQUASH,
    "border": ResizeMode.LONGEST_SIDE,
    "center": ResizeMode.SHORTEST_SIDE,
}


@pytest.mark.parametrize("size", [(224, 224), (288, 288), (192, 320)])
@pytest.mark.parametrize("share", [0.875, 0.95, 1.0])
@pytest.mark.parametrize("mode", TIMM_MODES)
def test_every_crop_mode_of_timm(mode: str, share: float, size: tuple[int, int]) -> None:
    timm_data: Any = pytest.importorskip("timm.data")
    pipeline = timm_data.create_transform(
        (3, *size),
        interpolation="bicubic",
        mean=[padding / 255 for padding in PADDING],
        crop_pct=share,
        crop_mode=mode,
        normalize=False,
    )
    resize = [math.floor(side / share) for side in size]
    # With a square, timm leaves this mode to torchvision.
    rounding = Rounding.TIMM if mode != "center" or size[0] != size[1] else Rounding.TORCHVISION
    wanted = of(resize, size, TIMM_MODES[mode], rounding=rounding, pad_colour=PADDING)

    check(pipeline, changed(wanted, interpolation=Interpolation.BICUBIC))


SHORTEST = {"shortest_edge": 256}
BOX = {"height": 240, "width": 256}
LIMIT = {"max_height": 224, "max_width": 200}
CROP = {"height": 224, "width": 224}

TRANSFORMERS = {
    "shortest_edge": (SHORTEST, of(256, 224, ResizeMode.SHORTEST_SIDE)),
    "height and width": (BOX, of((240, 256), 224, ResizeMode.SQUASH)),
    "max_height": (LIMIT, of((224, 200), 224, ResizeMode.LONGEST_SIDE)),
}


@pytest.mark.parametrize("form", TRANSFORMERS)
def test_every_size_of_transformers(form: str) -> None:
    library: Any = pytest.importorskip("transformers")
    size, wanted = TRANSFORMERS[form]
    off = {"do_rescale": False, "do_normalize": False}
    processor = library.CLIPImageProcessor(
        size=size, crop_size=CROP, do_center_crop=True, resample=3, **off
    )

    check(
        lambda image: processor(image, return_tensors="np")["pixel_values"][0],
        changed(wanted, rounding=Rounding.TRANSFORMERS, interpolation=Interpolation.BICUBIC),
    )


@pytest.mark.parametrize("form", TRANSFORMERS)
@pytest.mark.parametrize("resample", [Interpolation.BILINEAR, Interpolation.BICUBIC])
def test_every_pixel_is_that_of_transformers(resample: Interpolation, form: str) -> None:
    pytest.importorskip("cykooz_resizer", reason="there is no wheel for this machine")
    library: Any = pytest.importorskip("transformers")
    size, wanted = TRANSFORMERS[form]
    processor = library.CLIPImageProcessor(
        size=size,
        crop_size=CROP,
        do_center_crop=True,
        resample=Image.Resampling[resample.name].value,
        do_rescale=False,
        do_normalize=False,
    )
    wanted = changed(wanted, rounding=Rounding.TRANSFORMERS, interpolation=resample)

    for width, height in ((640, 480), (480, 640), (500, 500), (1001, 667), (2000, 260)):
        image = textured(width, height)
        expected = processor(image, return_tensors="np")["pixel_values"][0].transpose(1, 2, 0)
        assert (transform(image, wanted) == expected).all(), (width, height)


@pytest.mark.parametrize(
    "interpolation", [Interpolation.NEAREST, Interpolation.BILINEAR, Interpolation.BICUBIC]
)
def test_without_antialias_every_pixel_is_torchs(interpolation: Interpolation) -> None:
    torch: Any = pytest.importorskip("torch")
    aligned = {} if interpolation is Interpolation.NEAREST else {"align_corners": False}

    def pipeline(image: Image.Image) -> Pixels:
        planes = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].double()
        resized = torch.nn.functional.interpolate(
            planes, size=(48, 64), mode=interpolation.value, antialias=False, **aligned
        )
        return as_pixels(resized[0].round().clamp(0, 255))[8:40, 16:48]

    wanted = of((48, 64), 32, ResizeMode.SQUASH, interpolation=interpolation, antialias=False)
    for size in SIZES:
        image = textured(*size)
        assert (transform(image, wanted) == pipeline(image)).all(), size


def test_channels_of_the_network_are_no_matter_of_the_pixels() -> None:
    plain = preprocessing(8, 4)
    image = textured(9, 11)

    bgr = changed(plain, channels=Channels.BGR)

    assert (transform(image, bgr) == transform(image, plain)).all()


def test_grey_is_pillows() -> None:
    image = Image.new("RGB", (9, 11), (200, 100, 50))
    wanted = of(8, 4, ResizeMode.SHORTEST_SIDE, **GREY)

    # (19595 · 200 + 38470 · 100 + 7471 · 50 + 32768) >> 16
    assert (transform(image, wanted) == np.full((4, 4, 1), 124)).all()
    assert (transform(np.asarray(image), wanted) == 124).all()


@pytest.mark.parametrize(("channels", "border"), [("rgb", (30, 20, 10)), ("grey", (22,))])
def test_an_odd_border_has_its_last_pixel_right(channels: str, border: tuple[int, ...]) -> None:
    image = Image.new("RGB", (1, 4), (255, 255, 255))
    number = len(border)
    wanted = of(
        4,
        4,
        ResizeMode.LONGEST_SIDE,
        channels=channels,
        mean=[0] * number,
        std=[1] * number,
        pad_colour=(30, 20, 10),
    )

    pixels = transform(image, wanted)

    assert (pixels[:, 1] == 255).all()
    assert (pixels[:, [0, 2, 3]] == border).all()
