"""What preprocessing makes of a photograph: the crop, and figures of the pixels."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from conversion.errors import given_file
from model_spec import Channels, Preprocessing
from preprocessing import decode_trusted, transform
from preprocessing.isolated.formats import install
from preprocessing.isolated.messages import Setup
from preprocessing.orientation import Box
from preprocessing.pixels import Pixels, Side
from preprocessing.resize.sizes import sides


@dataclass(frozen=True)
class Explanation:
    """A photograph, and what a model sees of it.

    Attributes:
        photograph: decoded as the service does it: a large JPEG at a part of its size.
        across: its width, and what the crop takes of it.
        down: its height, and what the crop takes of it.
        pixels: that the model sees, as ``transform`` gives them.
    """

    name: str
    model: str
    preprocessing: Preprocessing
    photograph: Image.Image
    across: Side
    down: Side
    pixels: Pixels

    @property
    def crop(self) -> Box:
        """The part of the photograph that the model sees."""
        (left, right), (top, bottom) = self.across.edges, self.down.edges
        return Box(left, top, right, bottom)

    @property
    def lines(self) -> tuple[str, ...]:
        """The figures, in lines."""
        across, down = self.across, self.down
        seen = across.size * down.size / (across.resized * down.resized)
        return (
            f"model: {self.model}",
            f"preprocessing: {self.preprocessing}",
            f"known from: {self.preprocessing.source}",
            f"photograph: {self.name}, decoded to {across.pixels} x {down.pixels} pixels",
            f"resized to {across.resized} x {down.resized}; of that, {across.size} x {down.size} "
            f"from ({across.offset}, {down.offset}): {seen:.0%} of the photograph",
            *self._of_channels(),
        )

    def _of_channels(self) -> tuple[str, ...]:
        """A line for each channel, in the network's order: its pixels, and the network's input."""
        wanted = self.preprocessing
        reverse = wanted.channels is Channels.BGR
        pixels = self.pixels[..., ::-1] if reverse else self.pixels
        names = ("grey",) if wanted.channels is Channels.GREY else tuple(wanted.channels.upper())
        normalised = (pixels - np.array(wanted.mean)) / np.array(wanted.std)
        return tuple(
            f"{name}: pixels {pixels[..., at].min()} to {pixels[..., at].max()}, "
            f"mean {pixels[..., at].mean():.1f}; the network gets "
            f"{normalised[..., at].min():.2f} to {normalised[..., at].max():.2f}, "
            f"mean {normalised[..., at].mean():.2f}, deviation {normalised[..., at].std():.2f}"
            for at, name in enumerate(names)
        )


def explain(path: Path, model: str, setup: Setup) -> Explanation:
    """Decode and resize a photograph as the service does.

    Raises:
        ImageError: the service does not take such an image.
        ConversionError: it cannot be read.
    """
    encoded = given_file(path, "IMAGE")
    image, box, _ = decode_trusted(encoded, setup.limits, setup.least_side, install())
    photograph = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    across, down = sides(*photograph.size, box, setup.preprocessing)
    pixels = transform(image, setup.preprocessing, box)
    return Explanation(path.name, model, setup.preprocessing, photograph, across, down, pixels)
