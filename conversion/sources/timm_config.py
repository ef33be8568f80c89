"""timm's pretrained config → preprocessing and labels."""

import math
from typing import Any

from conversion.errors import ConversionError, checked
from conversion.sources.source import extra, on_byte_scale
from model_spec import Channels, Interpolation, Preprocessing, ResizeMode
from preprocessing_spec import Rounding

_NUMBERS = {channels.number for channels in Channels}

# What timm's crop modes do to the photograph before they crop.
_RESIZE_MODES = {
    "center": ResizeMode.SHORTEST_SIDE,
    "squash": ResizeMode.SQUASH,
    "border": ResizeMode.LONGEST_SIDE,
}


def preprocessing_of(config: dict[str, Any], source: str) -> Preprocessing:
    """The preprocessing of timm's own evaluation: ``create_transform(**resolve_data_config(…))``.

    A pretrained config has mean and std on the scale 0…1.

    Raises:
        ConversionError: the service cannot do it, or timm did not write the config.
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
    for field, known in (("crop_mode", [*_RESIZE_MODES]), ("interpolation", [*Interpolation])):
        if data[field] not in known:
            there_are = ", ".join(known)
            raise ConversionError(f"{source}: {field} is {data[field]!r}; there are {there_are}")
    mean = on_byte_scale(data["mean"])
    # timm resizes to squares with torchvision's Resize, else with its own ResizeKeepRatio.
    torchvisions = data["crop_mode"] == "center" and height == width
    red, green, blue = (round(each) for each in mean * (3 // len(mean)))
    fields = {
        "resize_mode": _RESIZE_MODES[data["crop_mode"]],
        "resize_size": [math.floor(side / data["crop_pct"]) for side in (height, width)],
        "crop_size": [height, width],
        "interpolation": data["interpolation"],
        "rounding": Rounding.TORCHVISION if torchvisions else Rounding.TIMM,
        "channels": Channels.GREY if channels == 1 else Channels.RGB,
        "pad_colour": (red, green, blue) if data["crop_mode"] == "border" else (0, 0, 0),
        "mean": mean[:channels],
        "std": on_byte_scale(data["std"])[:channels],
        "source": source,
    }
    return checked(Preprocessing, fields, source)


def labels_of(config: dict[str, Any]) -> tuple[str, ...] | None:
    """The labels of a pretrained config, or of the subset of ImageNet with as many classes.

    ``label_names`` is a list, or an object from class ids to names.
    """
    names = config.get("label_names")
    if isinstance(names, dict):
        return tuple(str(names[number]) for number in sorted(names, key=int))
    if names:
        return tuple(map(str, names))
    data = extra("timm").data
    subset = data.infer_imagenet_subset(config)
    return tuple(data.ImageNetInfo(subset).label_descriptions()) if subset else None
