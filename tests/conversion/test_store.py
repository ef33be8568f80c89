"""What is saved, found again and refused."""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import bentoml
import pytest

from conversion import store
from conversion.errors import ConversionError
from harness import toys
from model_spec import ONNX_FILE, SPEC_FILE, ModelSpec
from tests.conversion.converted import FINGERPRINT, OTHER, folder_of, tags
from tests.conversion.gate.test_gate import GOOD
from tests.support.refusals import refusal

pytestmark = pytest.mark.usefixtures("empty_store")


@pytest.mark.parametrize(
    ("architecture", "named"),
    [
        ("toy", "toy"),
        ("timm/convnext_tiny.in12k_ft_in1k", "timm-convnext_tiny.in12k_ft_in1k"),
        ("My_Package.models:build", "my_package.models-build"),
        ("hf:vit-", "hf-vit"),
        # BentoML's tags end at 63 characters.
        ("a" * 100, "a" * 48),
    ],
)
def test_the_tag_names_architecture_precision_and_hash_as_bentoml_takes_them(
    toy_spec: ModelSpec, unsaved: Path, architecture: str, named: str
) -> None:
    spec = toy_spec.model_copy(update={"architecture": architecture})
    tag = store.save(unsaved, spec, FINGERPRINT)
    assert re.fullmatch(f"image_classifier:{re.escape(named)}-fp32-[0-9a-f]{{8}}", tag)
    assert tags() == {tag}


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("labels", (toys.LABELS, ("rot", "grün", "blau"))),
        ("thresholds", ((0.6,), (0.7,))),
        # One graph, made for two devices.
        ("comparison", [GOOD.model_copy(update={"device": each}) for each in ("cpu", "openvino")]),
    ],
)
def test_what_answers_depend_on_makes_another_model(
    toy_spec: ModelSpec, unsaved: Path, field: str, values: Sequence[object]
) -> None:
    specs = [toy_spec.model_copy(update={field: each}) for each in values]

    first = store.save(unsaved, specs[0], FINGERPRINT)
    second = store.save(unsaved, specs[1], OTHER)

    assert first != second
    assert [store.find(FINGERPRINT), store.find(OTHER)] == [first, second]
    assert [ModelSpec.load(folder_of(tag)) for tag in (first, second)] == specs


def test_what_is_saved_is_complete(toy_spec: ModelSpec, unsaved: Path, model_store: Path) -> None:
    folder = folder_of(store.save(unsaved, toy_spec, FINGERPRINT))
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
    path = folder_of(store.save(unsaved, toy_spec, FINGERPRINT)) / file
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
    saved = ModelSpec.load(folder_of(second))
    assert saved.weights.source == "by another hand"


@pytest.mark.parametrize("copies", [1, 2], ids=["before the store", "in the store"])
def test_ctrl_c_leaves_the_store_as_it_was(
    copies: int, toy_spec: ModelSpec, unsaved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tag = store.save(unsaved, toy_spec, FINGERPRINT)
    copytree, targets = shutil.copytree, list[str]()

    def interrupted(source: Path, target: Path, dirs_exist_ok: bool = False) -> None:
        copytree(source, target, dirs_exist_ok=dirs_exist_ok)
        targets.append(str(target))
        if len(targets) % 2 == copies % 2:
            (Path(target) / ONNX_FILE).unlink()
            raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "copytree", interrupted)
    for architecture in ("toy", "another"):
        targets.clear()
        with pytest.raises(KeyboardInterrupt):
            store.save(unsaved, toy_spec.model_copy(update={"architecture": architecture}), OTHER)
        assert len(targets) == copies
        assert tags() == {tag}
        assert store.find(FINGERPRINT) == tag


def test_saving_over_a_damaged_model_mends_it(toy_spec: ModelSpec, unsaved: Path) -> None:
    tag = store.save(unsaved, toy_spec, FINGERPRINT)
    (folder_of(tag) / ONNX_FILE).unlink()
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
    content = toy_spec.model_dump(mode="json", exclude_none=True)
    shown = ("labels", "opset", "preprocessing", "weights", "golden", "verification")
    assert info.metadata == {name: content[name] for name in shown}
    assert info.metadata["weights"] == {"pretrained": True, "source": "by hand"}


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
    assert refusal(store.check_writable) == (
        f"the model store {tmp_path / 'home' / 'models'} cannot be written (Not a directory); "
        "BENTOML_HOME names its parent folder"
    )


def test_a_model_that_cannot_be_saved_is_refused(toy_spec: ModelSpec, tmp_path: Path) -> None:
    with pytest.raises(
        ConversionError,
        match=r"^the model store .* cannot be written \(No such file or directory\)",
    ):
        store.save(tmp_path / "absent", toy_spec, FINGERPRINT)


def test_a_copy_that_fails_is_said_in_words(toy_spec: ModelSpec, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    message = refusal(store.save, tmp_path, toy_spec, FINGERPRINT)
    assert f"cannot be written (No such file or directory: '{tmp_path}/link'); " in message
