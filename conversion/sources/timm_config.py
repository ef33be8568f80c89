"""timm's pretrained config → preprocessing and labels."""

import math
from typing import Any

from conversion.errors import ConversionError
from conversion.sources.source import extra, on_byte_scale, preprocessing_with
from model_spec import Channels, Interpolation, Preprocessing, ResizeMode, Size
from preprocessing_spec import Rounding

_NUMBERS = {channels.number for channels in Channels}

# What timm's crop modes do to the photograph before they crop.
_RESIZE_MODES = {
    "center": ResizeMode.SHORTEST_SIDE,
    "squash": ResizeMode.SQUASH,
    "border": ResizeMode.LONGEST_SIDE,
}


def preprocessing_of(config: dict[str, Any], source: str) -> Preprocessing:
    """How timm's own evaluation prepares images: ``create_transform(**resolve_data_config(…))``.

    Args:
        config: a pretrained config; mean and std on the scale 0…1.
        source: where it is known from.

    Raises:
        ConversionError: it asks for what the service cannot do, or timm did not write it.
    """
    library = extra("timm")
    try:
        return _preprocessing_of(library.data.resolve_data_config(pretrained_cfg=config), source)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise ConversionError(
            f"{source} is not what timm writes ({type(error).__name__}: {error})"
        ) from error


def _preprocessing_of(data: dict[str, Any], source: str) -> Preprocessing:
    channels, height, width = data["input_size"]
    if channels not in _NUMBERS:
        raise ConversionError(f"{source}: the network takes {channels} channels, not 1 or 3")
    if data["crop_mode"] not in _RESIZE_MODES:
        raise _unknown(source, "crop_mode", data["crop_mode"], list(_RESIZE_MODES))
    if data["interpolation"] not in list(Interpolation):
        raise _unknown(source, "interpolation", data["interpolation"], list(Interpolation))
    resize_size = Size(
        height=math.floor(height / data["crop_pct"]), width=math.floor(width / data["crop_pct"])
    )
    mean = on_byte_scale(data["mean"])
    # For squares, timm takes torchvision's Resize; else its own ResizeKeepRatio.
    torchvisions = data["crop_mode"] == "center" and height == width
    red, green, blue = (round(each) for each in mean * (3 // len(mean)))
    return preprocessing_with(
        resize_mode=_RESIZE_MODES[data["crop_mode"]],
        resize_size=resize_size,
        crop_size=Size(height=height, width=width),
        interpolation=Interpolation(data["interpolation"]),
        rounding=Rounding.TORCHVISION if torchvisions else Rounding.TIMM,
        channels=Channels.GREY if channels == 1 else Channels.RGB,
        pad_colour=(red, green, blue) if data["crop_mode"] == "border" else (0, 0, 0),
        mean=mean[:channels],
        std=on_byte_scale(data["std"])[:channels],
        source=source,
    )


def labels_of(config: dict[str, Any]) -> tuple[str, ...] | None:
    """From a pretrained config, or of the part of ImageNet that has so many classes.

    Args:
        config: its ``label_names`` are a list, or an object from class ids to names.
    """
    names = config.get("label_names")
    if isinstance(names, dict):
        return tuple(str(names[number]) for number in sorted(names, key=int))
    if names:
        return tuple(map(str, names))
    data = extra("timm").data
    subset = data.infer_imagenet_subset(config)
    return tuple(data.ImageNetInfo(subset).label_descriptions()) if subset else None


def _unknown(source: str, field: str, found: object, known: list[str]) -> ConversionError:
    return ConversionError(f"{source}: {field} is {found!r}; there are {', '.join(known)}")
