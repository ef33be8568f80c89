import hashlib
import zipfile
from pathlib import Path

import pytest
import torch
import torchvision

from conversion.errors import ConversionError
from conversion.request import Request
from conversion.sources.torchvision_models import TorchvisionModel
from conversion.weights.fit import Filled, fill
from model_spec import Size, Weights
from tests.support.refusals import refusal

TORCHVISION = torchvision.models.list_models(module=torchvision.models)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("resnet5", "resnet50"),
        ("efficientnet_lite", "efficientnet_lite0"),
        ("ResNet50", "resnet50"),
    ],
)
def test_an_unknown_architecture_is_refused_with_similar_names(name: str, near: str) -> None:
    with pytest.raises(
        ConversionError, match=rf"^no architecture '{name}'; did you mean .*\b{near}\b.*\?$"
    ):
        _ = TorchvisionModel(name).description


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("google/vit-base-patch16-224", "did you mean hf:google/vit-base-patch16-224?"),
        ("my_folder", "did you mean hf:my_folder?"),
        ("resnet18.a1_in1k", "did you mean timm/resnet18.a1_in1k?"),
        ("models/mine.onnx", "--onnx models/mine.onnx takes a file of ONNX"),
        ("mine.py", "your own network is PACKAGE.MODULE:FUNCTION"),
        ("best.pth", "--weights takes a file, --architecture the network's name"),
        (
            "program.pt2",
            "the file is a program saved with torch.export; save its weights alone: "
            "torch.save(torch.export.load(FILE).state_dict, NEW_FILE), or make ONNX of it for "
            "--onnx: torch.onnx.export(torch.export.load(FILE), f=NEW_FILE); "
            "--weights takes a file, --architecture the network's name",
        ),
        (
            "absent.pt2",
            "there is no such file; --weights takes one, --architecture the network's name",
        ),
    ],
)
def test_a_name_of_another_source_is_known_again(
    name: str, hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_folder").mkdir()
    torch.save({}, tmp_path / "best.pth")
    with zipfile.ZipFile(tmp_path / "program.pt2", "w") as archive:
        archive.writestr("program/archive_format", "pt2")

    assert (
        refusal(lambda: TorchvisionModel(name).description) == f"no architecture {name!r}; {hint}"
    )


def test_an_architecture_like_no_other_is_refused_without_suggestions() -> None:
    with pytest.raises(ConversionError, match=r"^no architecture 'qqqqq'; names: python -c "):
        TorchvisionModel("qqqqq").published()


@pytest.mark.parametrize("name", TORCHVISION)
def test_every_architecture_has_what_torchvision_says_of_its_weights(name: str) -> None:
    described = TorchvisionModel(name).description
    weights = torchvision.models.get_model_weights(name).DEFAULT
    preset, given = weights.transforms(), described.preprocessing
    assert [given.resize_size] == [*map(Size.square, preset.resize_size)]
    assert [given.crop_size] == [*map(Size.square, preset.crop_size)]
    assert given.interpolation.value == preset.interpolation.value
    assert (described.assumed, given.source) == (True, f"torchvision {weights}")
    assert given.mean == tuple(255 * channel for channel in preset.mean)
    assert given.std == tuple(255 * channel for channel in preset.std)
    assert list(described.labels or ()) == weights.meta["categories"]


@pytest.mark.slow
@pytest.mark.parametrize("heads", [None, 3, 1000], ids=["none", "same_classes", "other_classes"])
@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_heads_that_only_training_uses_are_left_out(
    name: str, heads: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "image_classifier")
    options = {"aux_logits": heads is not None, "transform_input": True, "init_weights": False}
    theirs = torchvision.models.get_model(name, num_classes=heads or 3, **options)
    # As one fine-tunes: the last layer is replaced, the heads are forgotten.
    theirs.fc = torch.nn.Linear(theirs.fc.in_features, 3)
    ours = TorchvisionModel(name).build(3).eval()
    assert fill(ours, {"": theirs.state_dict()}, "theirs.pth", classes=3) == Filled(".", False)
    image = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        answer = ours(image)
        assert answer.shape == (1, 3)
        assert torch.equal(answer, theirs.eval()(image))
    named = {"googlenet": "aux1, aux2", "inception_v3": "AuxLogits"}[name]
    log = [f"left out, as only training uses them: {named}"] if heads else []
    assert caplog.messages == log


def test_published_weights_are_built_from_the_file_that_is_there(weights_folder: Path) -> None:
    name, path = "squeezenet1_1", weights_folder / "checkpoints" / "squeezenet1_1-b8a52dc0.pth"
    state = torchvision.models.squeezenet1_1().state_dict()
    torch.save(state, path)
    built = TorchvisionModel(name).build_published(path).state_dict()
    assert built.keys() == state.keys()
    assert all(torch.equal(built[key], tensor) for key, tensor in state.items())


def test_a_wrong_file_under_a_published_name_is_refused_unread(weights_folder: Path) -> None:
    content = b"not what torchvision published"
    (weights_folder / "checkpoints" / "resnet18-f37072fd.pth").write_bytes(content)
    found = hashlib.sha256(content).hexdigest()[:16]
    path = Path("weights/checkpoints/resnet18-f37072fd.pth")
    assert refusal(lambda: Request("resnet18").fingerprint) == (
        f"{path} has sha256 {found}…, expected f37072fd…; delete it and try again"
    )


def test_what_is_known_of_unlocked_weights_is_torchvisions(
    weights_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = b"stands in for what torchvision published"
    sha256 = hashlib.sha256(content).hexdigest()
    file = weights_folder / "checkpoints" / f"vgg11-{sha256[:8]}.pth"
    file.write_bytes(content)
    published = torchvision.models.VGG11_Weights.IMAGENET1K_V1
    monkeypatch.setattr(published.value, "url", f"https://localhost/{file.name}")
    assert TorchvisionModel("vgg11").published() == (
        file,
        Weights(
            pretrained=True,
            source="torchvision VGG11_Weights.IMAGENET1K_V1",
            sha256=sha256,
            licence=None,
        ),
    )
