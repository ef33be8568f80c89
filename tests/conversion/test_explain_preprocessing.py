from pathlib import Path

import bentoml
import pytest
from PIL import Image

from conversion.explain_preprocessing import main
from harness.toys import RED, encoded, write_toy_model

TOY = "image_classifier:toy"


@pytest.fixture(scope="module", autouse=True)
def _models(model_store: Path) -> None:
    with bentoml.models.create(TOY) as model:
        write_toy_model(Path(model.path))


@pytest.fixture
def red(tmp_path: Path) -> Path:
    path = tmp_path / "red.png"
    path.write_bytes(encoded(RED))
    return path


def test_it_writes_a_picture_and_prints_the_numbers(
    red: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(red.parent)

    assert main([TOY, red.name]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"model: {TOY}"
    assert lines[3] == "photograph: red.png, decoded to 8 x 8 pixels"
    assert lines[-1] == "picture: explained.png"
    with Image.open("explained.png") as drawn:
        assert drawn.format == "PNG"


def test_the_picture_goes_where_the_user_says(
    red: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = red.with_name("seen.png")

    assert main([TOY, str(red), "--output", str(picture)]) == 0

    assert capsys.readouterr().out.splitlines()[-1] == f"picture: {picture}"
    assert picture.exists()


def test_what_is_no_image_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("no image")

    assert main([TOY, str(text), "--output", str(tmp_path / "seen.png")]) == 1

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {text}: not an image in a supported format (AVIF, GIF, ")
    assert not (tmp_path / "seen.png").exists()


@pytest.mark.parametrize(
    ("tag", "name", "problem"),
    [
        ("image_classifier:nothing", "red.png", "error: no model image_classifier:nothing"),
        (TOY, "missing.png", "error: IMAGE names the file "),
    ],
)
def test_what_is_missing_is_named(
    tag: str, name: str, problem: str, red: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([tag, str(red.with_name(name))]) == 1
    assert capsys.readouterr().err.startswith(problem)
