from pathlib import Path

import pytest

from conversion.sources.hugging_face.hub import hub_file
from tests.support.refusals import refusal

pytest.importorskip("huggingface_hub")


@pytest.mark.usefixtures("no_hub")
def test_a_file_of_the_cache_is_used_again(no_hub: Path) -> None:
    repository = no_hub / "models--somebody--model"
    snapshot = repository / "snapshots" / "0123"
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0123")
    (snapshot / "model.safetensors").write_bytes(b"x")
    assert hub_file("somebody/model", "model.safetensors") == snapshot / "model.safetensors"


@pytest.mark.usefixtures("no_hub")
@pytest.mark.parametrize("repository", ["somebody/model", "not a repository"])
def test_what_cannot_be_had_is_refused_in_one_line(repository: str) -> None:
    message = refusal(hub_file, repository, "model.safetensors")
    assert message.startswith(
        f"cannot download model.safetensors of {repository} from the Hugging Face hub ("
    )
    assert message.endswith("download it elsewhere, and give it with --weights")
    assert "\n" not in message
