"""An image processor of transformers → our preprocessing, compared by the pixels of both.

transformers itself reads every form in which processors were ever saved: sizes as numbers, as
``height`` and ``width`` or as ``shortest_edge``; feature extractors; fast processors. This module
reads the processor that transformers has made.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from conversion.errors import ConversionError, checked
from conversion.photographs import PHOTOGRAPHS, photograph
from model_spec import Channels, Interpolation, Preprocessing, ResizeMode, Size
from preprocessing import transform
from preprocessing_spec import WHITE, Rounding

# Largest mean difference of a photograph's pixels, of 255. Another filter, size or crop differs by
# several. The arithmetic of Pillow and torchvision differs by less than this.
_LIMIT = 0.5

# As Pillow numbers its filters.
_FILTERS = {
    0: Interpolation.NEAREST,
    1: Interpolation.LANCZOS,
    2: Interpolation.BILINEAR,
    3: Interpolation.BICUBIC,
    4: Interpolation.BOX,
    5: Interpolation.HAMMING,
}

# From this side on, ConvNext's processor squashes and does not crop.
_CONVNEXT_SQUASHES = 384


def preprocessing_of(processor: Any, config: Any, source: str) -> Preprocessing:
    """The preprocessing of a processor; ``config`` is of its network.

    Raises:
        ConversionError: the service cannot do the same.
    """
    if not processor.do_resize:
        raise ConversionError(f"{source} has do_resize false: photographs have no common size then")
    mode, resize_size, crop_size = _sizes(processor, source)
    channels = _channels(processor, config)
    mean, std = _normalisation(processor, channels.number)
    if processor.resample not in _FILTERS:
        known = ", ".join(f"{number} ({name.value})" for number, name in _FILTERS.items())
        raise ConversionError(f"{source}: resample is {processor.resample!r}; there are {known}")
    fields = {
        "resize_mode": mode,
        "resize_size": resize_size,
        "crop_size": crop_size,
        "interpolation": _FILTERS[processor.resample],
        "rounding": Rounding.TRANSFORMERS,
        "channels": channels,
        "mean": mean,
        "std": std,
        "source": source,
    }
    return checked(Preprocessing, fields, source)


def check_pixels(processor: Any, preprocessing: Preprocessing) -> None:
    """Compare our pixels with the processor's on the project's photographs.

    Raises:
        ConversionError: they differ; with the figure.
    """
    for path in PHOTOGRAPHS:
        image = photograph(path)
        if preprocessing.channels is Channels.GREY:
            image = image.convert("L")
        (theirs,) = processor(image, return_tensors="np")["pixel_values"]
        pixels = np.asarray(theirs) * _per_channel(preprocessing.std)
        pixels = pixels + _per_channel(preprocessing.mean)
        if preprocessing.channels is Channels.BGR:
            pixels = pixels[::-1]
        ours = transform(image, preprocessing).transpose(2, 0, 1)
        same = pixels.shape == ours.shape
        difference = float(np.abs(pixels - ours).mean()) if same else float("inf")
        if not difference <= _LIMIT:
            raise ConversionError(
                f"{preprocessing.source}: {type(processor).__name__} prepares {path.name} as "
                f"{_shape(pixels)}, the service as {_shape(ours)}; mean difference of a pixel "
                f"{difference:.1f} of {WHITE}, limit {_LIMIT}"
            )


def _sizes(processor: Any, source: str) -> tuple[ResizeMode, Size, Size]:
    """Mode and size of the resize, and size of the crop."""
    size = processor.size
    kind = type(processor).__name__.removesuffix("Pil").removesuffix("Fast")
    shortest = size.shortest_edge
    if kind == "ConvNextImageProcessor":
        if shortest >= _CONVNEXT_SQUASHES:
            return ResizeMode.SQUASH, Size.square(shortest), Size.square(shortest)
        resized = int(shortest / processor.crop_pct)
        return ResizeMode.SHORTEST_SIDE, Size.square(resized), Size.square(shortest)
    if kind == "LevitImageProcessor" and shortest:
        # It resizes to 256 where 224 are asked for.
        shortest = int(256 / 224 * shortest)
    crop = processor.crop_size if processor.do_center_crop else None
    cropped = Size(height=crop.height, width=crop.width) if crop else None
    if shortest and not size.longest_edge and cropped:
        return ResizeMode.SHORTEST_SIDE, Size.square(shortest), cropped
    if size.height and size.width:
        squashed = Size(height=size.height, width=size.width)
        return ResizeMode.SQUASH, squashed, cropped or squashed
    raise ConversionError(
        f"{source} resizes to {dict(size)} and does not crop: "
        "photographs of different shapes have no common size then"
    )


def _channels(processor: Any, config: Any) -> Channels:
    if getattr(config, "num_channels", len(Channels)) == 1:
        return Channels.GREY
    return Channels.BGR if getattr(processor, "do_flip_channel_order", False) else Channels.RGB


def _normalisation(processor: Any, channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The processor's mean and deviation, on the scale 0…255.

    It computes ``(pixel * factor - offset - mean) / std``. EfficientNet's processor divides by
    ``std`` again if ``include_top`` is set.
    """
    factor = processor.rescale_factor if processor.do_rescale else 1.0
    offset = 1.0 if getattr(processor, "rescale_offset", False) else 0.0
    mean, std = [0.0] * channels, [1.0] * channels
    if processor.do_normalize:
        mean, std = _each(processor.image_mean, channels), _each(processor.image_std, channels)
    again = _each(processor.image_std, channels) if getattr(processor, "include_top", False) else ()
    return (
        tuple((each + offset) / factor for each in mean),
        tuple(each * (again[index] if again else 1.0) / factor for index, each in enumerate(std)),
    )


def _each(value: float | Sequence[float], channels: int) -> list[float]:
    """One number for each channel."""
    values = list(value) if isinstance(value, Sequence) else [value]
    return [float(each) for each in (values * channels if len(values) == 1 else values)]


def _per_channel(values: Sequence[float]) -> Any:
    return np.array(values, np.float64).reshape(-1, 1, 1)


def _shape(pixels: Any) -> str:
    return " x ".join(map(str, pixels.shape[1:]))
