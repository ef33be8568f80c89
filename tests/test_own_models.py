"""The README's five ways to bring a model: each command runs, with a network made on the spot."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.documents import README, table_rows
from tests.support.saved_models import save_vit
from tests.test_readme import serve_it, shell


def torchvision_weights(folder: Path) -> None:
    torchvision = pytest.importorskip("torchvision")
    save_state(torchvision.models.resnet18(num_classes=2), folder)


def timm_weights(folder: Path) -> None:
    save_state(pytest.importorskip("timm").create_model("resnet18", num_classes=2), folder)


def transformers_folder(folder: Path) -> None:
    save_vit(folder / "my_folder")


OWN_CODE = """
from torch import nn

def build(num_classes):
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, num_classes))
"""


def own_code(folder: Path) -> None:
    nn = pytest.importorskip("torch.nn")
    (folder / "my_package").mkdir()
    (folder / "my_package/models.py").write_text(OWN_CODE)
    save_state(nn.Sequential(nn.Identity(), nn.Identity(), nn.Linear(3, 2)), folder)


def onnx_file(folder: Path) -> None:
    onnx = pytest.importorskip("onnx")
    text = """<ir_version: 8, opset_import: ["" : 17]>
    network (float[N, 3, 64, 64] images) => (float[N, 2] logits)
    <float[3, 2] weights = {1, 2, 3, 4, 5, 6}> {
        pooled = GlobalAveragePool (images)
        flat = Flatten (pooled)
        logits = MatMul (flat, weights)
    }"""
    onnx.save(onnx.parser.parse_model(text), folder / "my_model.onnx")


def save_state(network: Any, folder: Path) -> None:
    torch = pytest.importorskip("torch")
    torch.save(network.state_dict(), folder / "my_model.pth")


WAYS = {
    "torchvision": torchvision_weights,
    "timm": timm_weights,
    "Hugging Face transformers": transformers_folder,
    "your own code": own_code,
    "anything, exported to ONNX": onnx_file,
}


def test_every_way_to_bring_a_model_is_tried() -> None:
    assert [row[0] for row in table_rows("## Bring your own model", README)] == list(WAYS)


@pytest.mark.slow
@pytest.mark.parametrize(("way", "command"), table_rows("## Bring your own model", README))
def test_a_way_to_bring_a_model(
    way: str, command: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("home")
    WAYS[way](tmp_path)
    (tmp_path / "my_labels.txt").write_text("cat\ndog\n")
    command = re.sub(r"\bmy_(?!package)", f"{tmp_path}/my_", command.strip("`"))
    if way == "torchvision":
        serve_it(command, home, tmp_path)
    else:
        # The current folder of the user, whose code is found there.
        variables = {"PYTHONPATH": str(tmp_path), "HF_HUB_OFFLINE": "1"}
        output = shell(command.replace("make serve", "make model"), home, tmp_path, **variables)
        assert "top-1 agreement 100.0 %" in output
        assert output.endswith("exit 0")
