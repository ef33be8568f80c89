"""What is saved, found again and refused."""

import re
from pathlib import Path

import bentoml
import pytest

from conversion import store
from conversion.errors import ConversionError
from model_spec import ONNX_FILE, SPEC_FILE, ModelSpec
from tests.conversion.converted import FINGERPRINT, OTHER
from tests.conversion.gate.test_gate import GOOD
from tests.support import toys

pytestmark = pytest.mark.usefixtures("empty_store")


@pytest.mark.parametrize(
    ("architecture", "named"),
    [
        ("timm/convnext_tiny.in12k_ft_in1k", "timm-convnext_tiny.in12k_ft_in1k"),
        ("My_Package.models:build", "my_package.models-build"),
        ("hf:vit-", "hf-vit"),
        # BentoML's tags end at 63 characters.
        ("a" * 100, "a" * 48),
    ],
)
def test_a_tag_has_only_characters_that_bentoml_takes(
    toy_spec: ModelSpec, unsaved: Path, architecture: str, named: str
) -> None:
    spec = toy_spec.model_copy(update={"architecture": architecture})
    assert re.fullmatch(
        f"image_classifier:{re.escape(named)}-fp32-[0-9a-f]{{8}}", store.save(unsaved, spec, "a")
    )


def test_the_tag_names_architecture_precision_and_hash(toy_spec: ModelSpec, unsaved: Path) -> None:
    tag = store.save(unsaved, toy_spec, FINGERPRINT)
    assert re.fullmatch("image_classifier:toy-fp32-[0-9a-f]{8}", tag)
    assert [str(model.tag) for model in bentoml.models.list()] == [tag]


def test_other_labels_make_another_model(toy_spec: ModelSpec, unsaved: Path) -> None:
    first = store.save(unsaved, toy_spec, FINGERPRINT)
    renamed = toy_spec.model_copy(update={"labels": ("rot", "grün", "blau")})

    second = store.save(unsaved, renamed, OTHER)

    assert first != second
    labels = [ModelSpec.load(Path(bentoml.models.get(tag).path)).labels for tag in (first, second)]
    assert labels == [toy_spec.labels, renamed.labels]


def test_one_graph_made_for_two_devices_is_two_models(toy_spec: ModelSpec, unsaved: Path) -> None:
    for device in ("cpu", "openvino"):
        comparison = GOOD.model_copy(update={"device": device})
        spec = toy_spec.model_copy(update={"comparison": comparison})
        store.save(unsaved, spec, FINGERPRINT + device)

    tags = [store.find(FINGERPRINT + device) for device in ("cpu", "openvino")]

    assert None not in tags
    assert len(set(tags)) == 2


def test_what_is_saved_is_complete(toy_spec: ModelSpec, unsaved: Path, model_store: Path) -> None:
    folder = Path(bentoml.models.get(store.save(unsaved, toy_spec, FINGERPRINT)).path)
    assert folder.is_relative_to(model_store / "models" / "image_classifier")
    assert {path.name for path in folder.iterdir()} == {
        ONNX_FILE,
        SPEC_FILE,
        toys.GOLDEN_FILE,
        "model.yaml",
    }
    assert ModelSpec.load(folder) == toy_spec
    assert (folder / toys.GOLDEN_FILE).read_bytes() == toys.encoded(toys.RED)


def test_a_model_is_found_by_its_fingerprint(toy_spec: ModelSpec, unsaved: Path) -> None:
    assert store.find(FINGERPRINT) is None
    tag = store.save(unsaved, toy_spec, FINGERPRINT)
    assert store.find(FINGERPRINT) == tag
    assert store.find(OTHER) is None


@pytest.mark.parametrize("file", [ONNX_FILE, SPEC_FILE])
@pytest.mark.parametrize("damage", ["changed", "absent"])
def test_a_damaged_model_is_not_found(
    toy_spec: ModelSpec, unsaved: Path, file: str, damage: str
) -> None:
    path = Path(bentoml.models.get(store.save(unsaved, toy_spec, FINGERPRINT)).path) / file
    if damage == "changed":
        path.write_bytes(path.read_bytes()[:-2] + b"??")
    else:
        path.unlink()
    assert store.find(FINGERPRINT) is None


def test_a_model_of_another_name_is_not_found(toy_spec: ModelSpec, unsaved: Path) -> None:
    with bentoml.models.create("somebody:else", labels={"fingerprint": FINGERPRINT}) as model:
        toys.write_toy_model(Path(model.path))
    assert store.find(FINGERPRINT) is None
    tag = store.save(unsaved, toy_spec, FINGERPRINT)
    assert store.find(FINGERPRINT) == tag


def test_saving_again_replaces(toy_spec: ModelSpec, unsaved: Path) -> None:
    first = store.save(unsaved, toy_spec, FINGERPRINT)
    weights = toy_spec.weights.model_copy(update={"source": "by another hand"})
    second = store.save(unsaved, toy_spec.model_copy(update={"weights": weights}), OTHER)
    assert first == second
    assert len(bentoml.models.list()) == 1
    assert store.find(FINGERPRINT) is None
    assert store.find(OTHER) == second
    saved = ModelSpec.load(Path(bentoml.models.get(second).path))
    assert saved.weights.source == "by another hand"


def test_saving_over_a_damaged_model_mends_it(toy_spec: ModelSpec, unsaved: Path) -> None:
    tag = store.save(unsaved, toy_spec, FINGERPRINT)
    (Path(bentoml.models.get(tag).path) / ONNX_FILE).unlink()
    assert store.save(unsaved, toy_spec, FINGERPRINT) == tag
    assert store.find(FINGERPRINT) == tag


def test_what_bentoml_shows_of_a_model(toy_spec: ModelSpec, unsaved: Path) -> None:
    info = bentoml.models.get(store.save(unsaved, toy_spec, FINGERPRINT)).info
    assert info.labels == {
        "architecture": "toy",
        "precision": "fp32",
        "pretrained": "true",
        "fingerprint": FINGERPRINT,
    }
    assert info.metadata == {
        "labels": ["red", "green", "blue"],
        "opset": 18,
        "preprocessing": {
            "resize_mode": "shortest_side",
            "resize_size": {"height": 4, "width": 4},
            "crop_size": {"height": 4, "width": 4},
            "interpolation": "bilinear",
            "antialias": True,
            "rounding": "torchvision",
            "exact_pixels": False,
            "channels": "rgb",
            "pad_colour": [0, 0, 0],
            "mean": [0.0, 0.0, 0.0],
            "std": [1.0, 1.0, 1.0],
            "source": "by hand",
        },
        "weights": {"pretrained": True, "source": "by hand"},
        "golden": {
            "file": "golden.png",
            "class_id": 0,
            "confidence": toys.HIGH,
            "tolerance": 0.02,
        },
        "verification": {
            "max_abs_diff": 0.0,
            "limit": 1e-4,
            "top1_agreement": 1.0,
            "inputs": 1,
            "batch_sizes": [1],
        },
    }


def test_random_weights_are_labelled_as_such(toy_spec: ModelSpec, unsaved: Path) -> None:
    weights = toy_spec.weights.model_copy(update={"pretrained": False})
    tag = store.save(unsaved, toy_spec.model_copy(update={"weights": weights}), FINGERPRINT)
    assert bentoml.models.get(tag).info.labels["pretrained"] == "false"


def test_what_bentoml_cannot_load_is_passed_over(
    unsaved: Path, toy_spec: ModelSpec, model_store: Path
) -> None:
    tag = store.save(unsaved, toy_spec, FINGERPRINT)
    # As a conversion leaves it that was killed while it saved.
    killed = model_store / "models" / "image_classifier" / "another"
    killed.mkdir()
    assert store.find(FINGERPRINT) == tag
    killed.rmdir()


def test_looking_for_a_model_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "home"))
    assert store.find(FINGERPRINT) is None
    assert not (tmp_path / "home").exists()


def test_a_store_that_can_be_written_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "home"))
    store.check_writable()
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_cannot_be_written_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").write_text("a file, so that there can be no folder")
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "home"))
    with pytest.raises(ConversionError) as caught:
        store.check_writable()
    assert str(caught.value) == (
        f"the model store {tmp_path / 'home' / 'models'} cannot be written (Not a directory); "
        "BENTOML_HOME names its parent folder"
    )


def test_a_model_that_cannot_be_saved_is_refused(toy_spec: ModelSpec, tmp_path: Path) -> None:
    with pytest.raises(
        ConversionError,
        match=r"^the model store .* cannot be written \(No such file or directory\)",
    ):
        store.save(tmp_path / "absent", toy_spec, FINGERPRINT)
