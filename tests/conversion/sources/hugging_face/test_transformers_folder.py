import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from conversion.errors import ONE_OUTPUT
from conversion.graph.verify import PyTorchModel
from conversion.original import original_of
from conversion.photographs import PHOTOGRAPHS, photograph, photograph_pixels
from conversion.preprocessing.overrides import Given, Overrides
from conversion.request import Request
from conversion.sources.lookup import source_of
from model_spec import Activation, ResizeMode, Size, sha256_of_file
from tests.support.saved_models import LABELS, change, copied, refusal, save_vit

transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_vit(tmp_path_factory.mktemp("saved") / "my-vit")


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    return copied(saved, tmp_path)


def test_a_folder_has_labels_preprocessing_and_weights(saved: Path) -> None:
    source = source_of(f"hf:{saved}")
    found = source.description
    assert source.name == "hf:my-vit"
    assert (found.labels, found.activation, found.assumed) == (LABELS, Activation.SOFTMAX, False)
    assert found.preprocessing.source == "hf:my-vit, preprocessor_config.json"
    path, weights = source.published()
    assert path == saved
    assert (weights.pretrained, weights.source) == (True, "hf:my-vit")
    assert weights.sha256 == sha256_of_file(saved / "model.safetensors")


def test_answers_are_those_of_transformers_own_pipeline(saved: Path) -> None:
    source = source_of(f"hf:{saved}")
    preprocessing = source.description.preprocessing
    network = source.build_published(saved).eval()
    ours = PyTorchModel(network, preprocessing, 3).probabilities(photograph_pixels(preprocessing))
    pipeline = transformers.pipeline("image-classification", model=str(saved))
    for path, answer in zip(PHOTOGRAPHS, ours, strict=True):
        # Without its EXIF data: the pipeline would turn the photograph once more.
        image = Image.fromarray(np.asarray(photograph(path)))
        theirs = {each["label"]: each["score"] for each in pipeline(image)}
        expected = [theirs[label] for label in LABELS]
        np.testing.assert_allclose(answer, expected, atol=1e-3)


def test_several_labels_at_once_get_sigmoid(folder: Path) -> None:
    change(folder / "config.json", problem_type="multi_label_classification")
    assert source_of(f"hf:{folder}").description.activation is Activation.SIGMOID


def test_weights_in_several_files_are_read(folder: Path) -> None:
    single = source_of(f"hf:{folder}")
    network = single.build_published(folder)
    (folder / "model.safetensors").unlink()
    network.save_pretrained(folder, max_shard_size="20KB")  # type: ignore[operator]
    shards = source_of(f"hf:{folder}")
    path, weights = shards.published()
    assert len(list(folder.glob("*.safetensors"))) > 1
    assert weights.sha256 is not None
    state, expected = shards.build_published(path).state_dict(), network.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in expected.items())


def test_half_precision_becomes_float32(folder: Path) -> None:
    source = source_of(f"hf:{folder}")
    source.build_published(folder).half().save_pretrained(folder)  # type: ignore[operator]
    network = source_of(f"hf:{folder}").build_published(folder)
    assert {each.dtype for each in network.parameters()} == {torch.float32}


def test_a_network_has_as_many_classes_as_asked_for(saved: Path) -> None:
    with torch.inference_mode():
        logits = source_of(f"hf:{saved}").build(5).eval()(torch.zeros(2, 3, 32, 32)).logits
    assert logits.shape == (2, 5)


def test_no_code_of_the_folder_is_run(folder: Path) -> None:
    made = folder / "made"
    (folder / "code.py").write_text(f"open({str(made)!r}, 'w')\nclass Config: pass\n")
    change(folder / "config.json", model_type="mine", auto_map={"AutoConfig": "code.Config"})
    assert refusal(folder).startswith("hf:my-vit cannot be read (")
    assert not made.exists()


def test_pickled_weights_are_not_read_from_a_folder(folder: Path) -> None:
    pickled = folder / "pytorch_model.bin"
    torch.save(source_of(f"hf:{folder}").build_published(folder).state_dict(), pickled)
    (folder / "model.safetensors").unlink()
    assert refusal(folder) == (
        f"hf:my-vit has no safetensors; its pytorch_model.bin is read with --weights {pickled}"
    )


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("model.safetensors", "hf:my-vit has no safetensors"),
        (
            "preprocessor_config.json",
            "hf:my-vit has no preprocessor_config.json; save it there with "
            "AutoImageProcessor.from_pretrained(BASE_MODEL).save_pretrained(FOLDER), or say how "
            "it was trained: --resize, --crop, --mean, --std, --interpolation or --preprocessing",
        ),
    ],
)
def test_a_missing_file_is_named(folder: Path, file: str, message: str) -> None:
    (folder / file).unlink()
    assert refusal(folder) == message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"problem_type": "regression"},
            "hf:my-vit is no classifier: its problem_type is 'regression'",
        ),
        (
            {"id2label": {"0": "cup", "1": "saucer"}, "label2id": None},
            "hf:my-vit: config.json and the weights do not fit: classifier.bias is [3], by "
            "config.json, whose id2label has 2 classes, [2]",
        ),
        (
            {"num_hidden_layers": 2},
            "hf:my-vit does not have all weights of the network; missing: vit.",
        ),
    ],
)
def test_a_config_that_does_not_fit_is_refused(
    folder: Path, changes: dict[str, Any], message: str
) -> None:
    change(folder / "config.json", **changes)
    assert refusal(folder).startswith(message)


def test_a_pointer_instead_of_the_weights_is_named(folder: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 1\n"
    (folder / "model.safetensors").write_text(pointer)
    assert refusal(folder) == (
        "hf:my-vit: model.safetensors is a Git LFS pointer; fetch the file itself with: "
        "git lfs pull"
    )


def test_a_processor_that_transformers_did_not_write_is_refused(folder: Path) -> None:
    (folder / "preprocessor_config.json").write_text("[]")
    assert refusal(folder).startswith("hf:my-vit cannot be read (")


def test_the_user_says_what_a_missing_processor_would(folder: Path) -> None:
    (folder / "preprocessor_config.json").unlink()
    given = Given(Overrides.model_validate({"resize_size": [32, 32], "mean": 0.5}), "command line")
    found = original_of(Request(f"hf:{folder}", given=given)).preprocessing
    assert (found.resize_mode, found.crop_size) == (ResizeMode.SQUASH, Size.square(32))
    assert found.source == (
        "mean, resize_mode, resize_size: command line; else the usual one of ImageNet"
    )


def test_one_output_is_two_classes_that_the_user_names(tmp_path: Path) -> None:
    folder = save_vit(tmp_path / "my-vit", id2label={0: "LABEL_0"})
    assert refusal(folder) == f"hf:my-vit is of a network with one output: {ONE_OUTPUT}"
    labels = tmp_path / "labels.txt"
    labels.write_text("good\nbad\n")
    request = Request(f"hf:{folder}", labels_file=labels, activation=Activation.SIGMOID)
    original = original_of(request)
    pixels = photograph_pixels(original.preprocessing)
    found = PyTorchModel(
        original.network, original.preprocessing, 2, Activation.SIGMOID
    ).probabilities(pixels)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    assert (original.labels, original.multi_label) == (("good", "bad"), False)


@pytest.mark.parametrize("file", ["", "model.safetensors", "mine.pth"])
def test_weights_of_another_run_are_read(saved: Path, tmp_path: Path, file: str) -> None:
    """As the Trainer writes them, and as torch.save does of the network in memory."""
    run = copied(saved, tmp_path)
    network = source_of(f"hf:{saved}").build_published(saved)
    torch.save({"model": network.state_dict()}, run / "mine.pth")
    original = original_of(Request(f"hf:{saved}", location=str(run / file)))
    state, expected = original.network.state_dict(), network.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in expected.items())


def test_sigmoid_over_weights_of_softmax_comes_with_a_warning(
    saved: Path, caplog: pytest.LogCaptureFixture
) -> None:
    original_of(Request(f"hf:{saved}", activation=Activation.SOFTMAX))
    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []
    original_of(Request(f"hf:{saved}", activation=Activation.SIGMOID))
    assert caplog.messages[-1] == (
        "the weights of hf:my-vit are of a network with softmax; confidences by sigmoid mean "
        "nothing unless it was trained so"
    )


def test_weights_that_are_cut_off_are_refused(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    assert refusal(folder).startswith("hf:my-vit cannot be loaded (")


def test_the_configs_decide_the_result(folder: Path) -> None:
    before = source_of(f"hf:{folder}").facts()
    change(folder / "preprocessor_config.json", resample=3)
    assert source_of(f"hf:{folder}").facts() != before
