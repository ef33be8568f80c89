import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import bentoml
import pytest

from conversion import store
from conversion.errors import ConversionError
from model_spec import ONNX_FILE, SPEC_FILE, ModelSpec
from tests.support import toys
from tests.support.servers import PROJECT, environment, toy_home

FINGERPRINT = "0123456789abcdef" * 2
OTHER = "f" * 32


@pytest.fixture(autouse=True)
def _empty_store(model_store: Path) -> Iterator[None]:
    yield
    for model in bentoml.models.list():
        bentoml.models.delete(model.tag)
    assert not any((model_store / "models").rglob(ONNX_FILE))


@pytest.fixture
def unsaved(toy_folder: Path, toy_spec: ModelSpec) -> Path:
    """The toy's files as a conversion leaves them to the store: without the spec."""
    assert toy_spec.files.keys() == {ONNX_FILE, toys.GOLDEN_FILE}
    (toy_folder / SPEC_FILE).unlink()
    return toy_folder


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


def test_the_newest_model_is_the_one_that_was_asked_for_last(
    unsaved: Path, toy_spec: ModelSpec
) -> None:
    first = store.save(unsaved, toy_spec, FINGERPRINT)
    other = toy_spec.model_copy(update={"architecture": "other"})
    second = store.save(unsaved, other, OTHER)
    assert str(bentoml.models.get("image_classifier:latest").tag) == second
    store.make_newest(first)
    assert str(bentoml.models.get("image_classifier:latest").tag) == first


def test_the_model_asked_for_last_is_told(
    toy_spec: ModelSpec, unsaved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert store.main([]) == 1
    first = store.save(unsaved, toy_spec, FINGERPRINT)
    other = toy_spec.model_copy(update={"architecture": "other"})
    (unsaved / SPEC_FILE).unlink(missing_ok=True)
    second = store.save(unsaved, other, OTHER)
    assert [store.main([]), store.main([first]), store.main([])] == [0, 0, 0]
    assert capsys.readouterr().out.split() == [second, first, first]


def test_a_model_that_is_not_there_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert store.main(["image_classifier:unknown"]) == 1
    assert capsys.readouterr().err.startswith("error: no model image_classifier:unknown: ")


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


def test_the_newest_model_is_not_written_again(
    unsaved: Path, toy_spec: ModelSpec, model_store: Path
) -> None:
    tag = store.save(unsaved, toy_spec, FINGERPRINT)
    latest = model_store / "models" / "image_classifier" / "latest"
    before = latest.stat().st_mtime_ns
    store.make_newest(tag)
    assert latest.stat().st_mtime_ns == before
    latest.unlink()
    store.make_newest(tag)
    assert latest.read_text() == tag.partition(":")[2]


def test_a_newest_model_that_cannot_be_named_is_refused(
    unsaved: Path, toy_spec: ModelSpec, model_store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tag = store.save(unsaved, toy_spec, FINGERPRINT)
    latest = model_store / "models" / "image_classifier" / "latest"
    latest.unlink()
    latest.mkdir()
    message = (
        f"the model store {model_store / 'models'} cannot be written (Is a directory); "
        "BENTOML_HOME names its parent folder"
    )
    with pytest.raises(ConversionError) as caught:
        store.make_newest(tag)
    assert str(caught.value) == message
    assert store.main([tag]) == 1
    assert capsys.readouterr() == ("", f"error: {message}\n")
    latest.rmdir()


@pytest.mark.slow
def test_make_bento_packs_the_model_asked_for_last_and_says_that_it_is_not_the_default(
    tmp_path: Path,
) -> None:
    variables = environment(toy_home(tmp_path), tmp_path, {})
    done = subprocess.run(
        # As if everything was installed.
        ["make", "-o", ".venv/bin/.serving", "bento"],
        cwd=PROJECT,
        env={name: value for name, value in variables.items() if "MAKE" not in name},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.startswith(
        "packing image_classifier:toy\n"
        "not the default, efficientnet_lite0; for that: make bento MODEL=efficientnet_lite0\n"
    )
    (packed,) = (tmp_path / "home/bentos/image_classifier").glob("*/bento.yaml")
    assert "tag: image_classifier:toy\n" in packed.read_text()
