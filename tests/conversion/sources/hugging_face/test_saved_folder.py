from pathlib import Path

import pytest

from conversion.errors import ConversionError
from conversion.sources.hugging_face.saved_folder import SavedFolder


def refusal(folder: Path) -> str:
    with pytest.raises(ConversionError) as caught:
        SavedFolder(f"hf:{folder}").published()
    return str(caught.value)


def test_a_folder_is_known_by_its_last_name(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    assert SavedFolder(f"hf:{tmp_path}/mine/").name == "hf:mine"
    assert SavedFolder("hf:somebody/model").name == "hf:somebody/model"


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
    with pytest.raises(ConversionError) as caught:
        SavedFolder("hf:somebody/model").published()
    assert str(caught.value).startswith(
        "no folder somebody/model, and nothing of that name can be downloaded from the "
        "Hugging Face hub ("
    )


def test_an_adapter_is_no_network(tmp_path: Path) -> None:
    (tmp_path / "lora").mkdir()
    (tmp_path / "lora" / "adapter_config.json").write_text('{"peft_type": "LORA"}')

    with pytest.raises(ConversionError) as caught:
        _ = SavedFolder(f"hf:{tmp_path}/lora").description

    assert str(caught.value) == (
        "hf:lora holds an adapter of PEFT, not a network; save the whole with "
        "model.merge_and_unload().save_pretrained(FOLDER)"
    )
