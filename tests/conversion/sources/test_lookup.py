import pytest

from conversion.sources.efficientnet_lite import EfficientNetLite
from conversion.sources.lookup import DEFAULT, source_of
from conversion.sources.onnx_file import OnnxFile
from conversion.sources.own_module import OwnModule
from conversion.sources.source import Source
from conversion.sources.timm_models import TimmModel
from conversion.sources.torchvision_models import TorchvisionModel


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (DEFAULT, EfficientNetLite),
        ("efficientnet_lite2", EfficientNetLite),
        ("resnet50", TorchvisionModel),
        ("timm/convnext_tiny.in12k_ft_in1k", TimmModel),
        ("my_package.models:build", OwnModule),
        ("onnx:model.onnx", OnnxFile),
    ],
)
def test_a_name_tells_its_source(name: str, kind: type[Source]) -> None:
    found = source_of(name)
    assert type(found) is kind
    assert found.name == name
