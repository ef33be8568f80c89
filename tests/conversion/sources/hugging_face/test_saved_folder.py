from pathlib import Path

import pytest

from conversion.sources.hugging_face.saved_folder import saved_folder
from conversion.sources.hugging_face.timm_folder import TimmFolder
from conversion.sources.hugging_face.transformers_folder import TransformersFolder
from conversion.sources.source import Source
from tests.support import refusals


def refusal(folder: Path | str) -> str:
    return refusals.refusal(saved_folder, f"hf:{folder}")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ('{"model_type": "vit"}', TransformersFolder),
        ('{"architecture": "resnet18"}', TimmFolder),
        ('{"architecture": "resnet18", "model_type": "timm_wrapper"}', TransformersFolder),
    ],
)
def test_a_folder_is_of_the_library_that_saved_it_and_known_by_its_last_name(
    tmp_path: Path, content: str, kind: type[Source]
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/config.json").write_text(content)
    found = saved_folder(f"hf:{tmp_path}/mine/")
    assert (type(found), found.name) == (kind, "hf:mine")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, " has no config.json; save_pretrained writes it"),
        ("[]", ": config.json must hold a JSON object"),
        ("{", ": config.json cannot be read (Expecting property name enclosed in double quotes"),
    ],
)
def test_a_folder_without_config_is_refused(
    tmp_path: Path, content: str | None, message: str
) -> None:
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    assert refusal(tmp_path).startswith(f"hf:{tmp_path.name}{message}")


@pytest.mark.usefixtures("no_hub")
def test_a_name_is_looked_for_on_the_hub() -> None:
    pytest.importorskip("huggingface_hub")
    assert refusal("somebody/model").startswith(
        "no folder somebody/model, and nothing of that name can be downloaded from the "
        "Hugging Face hub ("
    )


def test_a_repository_of_the_hub_is_known_by_its_whole_name(no_hub: Path) -> None:
    pytest.importorskip("huggingface_hub")
    repository = no_hub / "models--somebody--model"
    snapshot = repository / "snapshots/0123"
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs/main").write_text("0123")
    (snapshot / "config.json").write_text('{"model_type": "vit"}')
    assert saved_folder("hf:somebody/model").name == "hf:somebody/model"


def test_an_adapter_is_no_network(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    assert refusal(tmp_path) == (
        f"hf:{tmp_path.name} holds an adapter of PEFT, not a network; save the whole with "
        "model.merge_and_unload().save_pretrained(FOLDER)"
    )
