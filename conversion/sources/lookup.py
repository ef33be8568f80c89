"""From the name of an architecture to its source."""

from conversion.sources.efficientnet_lite import SIZES, EfficientNetLite
from conversion.sources.hugging_face.saved_folder import PREFIX, saved_folder
from conversion.sources.onnx_file import PREFIX as ONNX
from conversion.sources.onnx_file import OnnxFile
from conversion.sources.own_module import OwnModule
from conversion.sources.source import Source
from conversion.sources.timm_models import TimmModel
from conversion.sources.torchvision_models import TorchvisionModel

DEFAULT = "efficientnet_lite0"

_TIMM = "timm/"


def source_of(name: str) -> Source:
    """The source of an architecture.

    Args:
        name: of a torchvision classifier or an EfficientNet-Lite, ``timm/NAME``,
            ``hf:FOLDER_OR_NAME`` of transformers or timm, ``onnx:FILE``, or
            ``PACKAGE.MODULE:FUNCTION`` of the user's own.

    Raises:
        ConversionError: there is no such saved folder.
    """
    if name in SIZES:
        return EfficientNetLite(name)
    if name.startswith(_TIMM):
        return TimmModel(name, name.removeprefix(_TIMM))
    if name.startswith(PREFIX):
        return saved_folder(name)
    if name.startswith(ONNX):
        return OnnxFile(name)
    if ":" in name:
        return OwnModule(name)
    return TorchvisionModel(name)
