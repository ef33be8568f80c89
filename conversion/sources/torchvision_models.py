"""torchvision's classifiers, each with the preprocessing and the labels of its weights."""

import difflib
import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conversion.errors import ConversionError
from conversion.sources.efficientnet_lite import SIZES
from conversion.sources.source import Description, Source, on_byte_scale
from conversion.weights.file_kind import format_of
from conversion.weights.files import WEIGHTS_FOLDER, LockedFile, download, locked, locked_weights
from conversion.weights.folder import SUFFIXES
from model_spec import Interpolation, Preprocessing, Size, Weights

if TYPE_CHECKING:
    from torch import nn

# torchvision's builders call torch.load themselves: this makes them read tensors only.
os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"

# Options that torchvision's builders set for pretrained weights, without the auxiliary heads.
_INCEPTION = {"transform_input": True, "init_weights": False, "aux_logits": False}
_BUILT_WITH = {"googlenet": _INCEPTION, "inception_v3": _INCEPTION}

_ALL_NAMES = "python -c 'import torchvision.models as m; print(m.list_models(module=m))'"


class TorchvisionModel(Source):
    """A classifier by torchvision's name."""

    @cached_property
    def description(self) -> Description:
        """From the transforms of the DEFAULT weights."""
        preset = self._weights.transforms()
        (crop_size,), (resize_size,) = preset.crop_size, preset.resize_size
        return Description(
            preprocessing=Preprocessing(
                resize_size=Size.square(resize_size),
                crop_size=Size.square(crop_size),
                interpolation=Interpolation(preset.interpolation.value),
                mean=on_byte_scale(preset.mean),
                std=on_byte_scale(preset.std),
                source=f"torchvision {self._weights}",
            ),
            assumed=True,
            labels=tuple(self._weights.meta["categories"]),
        )

    def published(self) -> tuple[Path, Weights]:
        """The DEFAULT weights, from torchvision's site."""
        url, licence = self._weights.url, self._weights.meta.get("license")
        source = f"torchvision {self._weights}"
        lock = locked(self.name) or LockedFile(Path(url).name, source, url, licence)
        assert lock.url is not None
        path = download(lock.url)
        return path, locked_weights(path, lock)

    def build(self, classes: int) -> "nn.Module":
        """The network with random weights."""
        import torchvision

        network: nn.Module = torchvision.models.get_model(
            self.name, weights=None, num_classes=classes, **_BUILT_WITH.get(self.name, {})
        )
        return network

    def build_published(self, path: Path) -> "nn.Module":
        """Loaded by torchvision's builder, which knows other names of tensors in old files."""
        import torch
        import torchvision

        assert path.parent.parent == WEIGHTS_FOLDER
        torch.hub.set_dir(str(WEIGHTS_FOLDER))
        network: nn.Module = torchvision.models.get_model(self.name, weights=self._weights)
        return network

    @cached_property
    def _weights(self) -> Any:
        """The DEFAULT entry of the architecture's weights enum."""
        import torchvision

        names = torchvision.models.list_models(module=torchvision.models)
        if self.name not in names:
            near = difflib.get_close_matches(self.name, [*SIZES, *names], n=3)
            hint = _elsewhere(self.name) or (
                f"did you mean {', '.join(near)}?" if near else f"names: {_ALL_NAMES}"
            )
            raise ConversionError(f"no architecture {self.name!r}; {hint}")
        return torchvision.models.get_model_weights(self.name).DEFAULT


def _elsewhere(name: str) -> str | None:
    """What to write instead of a name that looks like one of another source."""
    path = Path(name)
    if path.suffix == ".onnx":
        return f"--onnx {name} takes a file of ONNX"
    if path.suffix == ".py":
        return "your own network is PACKAGE.MODULE:FUNCTION"
    if path.is_file():
        kind = format_of(path)
        what = f"the file is {kind}; " if isinstance(kind, str) else ""
        return f"{what}--weights takes a file, --architecture the network's name"
    if path.suffix in (*SUFFIXES, ".pt2"):
        return "there is no such file; --weights takes one, --architecture the network's name"
    if "/" in name or path.is_dir():
        return f"did you mean hf:{name}?"
    return f"did you mean timm/{name}?" if path.suffix else None
