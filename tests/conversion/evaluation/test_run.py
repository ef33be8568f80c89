import asyncio
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conversion.evaluation.labels import read_folder
from conversion.evaluation.run import BATCH, Run, opened, run
from harness.toys import BLUE, GREEN, HIGH, LABELS, LOW, RED, encoded
from settings import Device, Settings

COLOURS = {"red": RED, "green": GREEN, "blue": BLUE}


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """A folder for each class, empty."""
    folder = tmp_path / "photographs"
    for name in LABELS:
        (folder / name).mkdir(parents=True)
    return folder


ON_CPU = Settings(device=Device.CPU)


def evaluated(toy: Path, folder: Path, settings: Settings = ON_CPU) -> Run:
    model = opened(toy, settings)
    return asyncio.run(run(read_folder(folder, LABELS).photographs, [model], lambda _: None))


def test_each_photograph_gets_its_own_answer(toy_folder: Path, photographs: Path) -> None:
    for index in range(BATCH + 3):
        name = LABELS[index % 3]
        (photographs / name / f"{index}.png").write_bytes(encoded(COLOURS[name]))
    found = evaluated(toy_folder, photographs)
    (predictions,) = found.predictions
    assert [each.class_id for each in predictions] == [2] * 6 + [1] * 6 + [0] * 7
    assert all(each.is_right for each in predictions)
    assert [each.confidence for each in predictions] == pytest.approx([HIGH] * (BATCH + 3))
    assert (found.failures, found.mistakes) == ({}, [])


def test_a_mistake_shows_what_the_model_saw(toy_folder: Path, photographs: Path) -> None:
    (photographs / "green/a.png").write_bytes(encoded(RED))
    (mistake,) = evaluated(toy_folder, photographs).mistakes
    assert (mistake.name, mistake.class_id) == ("green/a.png", 1)
    assert mistake.own_confidence == pytest.approx(LOW)
    assert [class_id for class_id, _ in mistake.best] == [0, 1, 2]
    assert [share for _, share in mistake.best] == pytest.approx([HIGH, LOW, LOW])
    seen = np.asarray(Image.open(BytesIO(mistake.jpeg)))
    assert seen.shape == (4, 4, 3)
    assert np.abs(seen.astype(int) - RED).max() <= 2


def test_the_most_confident_mistakes_are_kept(
    toy_folder: Path, photographs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conversion.evaluation.run.MAX_MISTAKES", 2)
    for red in (255, 100, 200, 150):
        (photographs / f"green/{red}.png").write_bytes(encoded((red, 0, 0)))
    names = [each.name for each in evaluated(toy_folder, photographs).mistakes]
    assert names == ["green/255.png", "green/200.png"]


def test_files_that_fail_have_the_services_codes(toy_folder: Path, photographs: Path) -> None:
    (photographs / "red/good.png").write_bytes(encoded(RED))
    (photographs / "red/none.jpg").write_bytes(b"no image")
    (photographs / "red/cut.png").write_bytes(encoded(RED, size=(64, 64))[:60])
    (photographs / "red/large.png").write_bytes(encoded(RED) + bytes(1000))
    (photographs / "red/long.png").write_bytes(encoded(RED, size=(50, 1)))
    (photographs / "red/wide.gif").write_bytes(encoded(RED, size=(90, 90), image_format="GIF"))
    settings = Settings(device=Device.CPU, max_body_bytes=1000, max_pixels=5000)
    found = evaluated(toy_folder, photographs, settings)
    assert found.failures == {
        "unsupported_image": ["red/none.jpg"],
        "corrupt_image": ["red/cut.png"],
        "body_too_large": ["red/large.png"],
        "extreme_aspect_ratio": ["red/long.png"],
        "image_too_large": ["red/wide.gif"],
    }
    ((prediction,),) = found.predictions
    assert (prediction.class_id, prediction.best) == (0, (0, 1, 2))


def test_a_file_that_cannot_be_read_is_counted(toy_folder: Path, photographs: Path) -> None:
    (photographs / "red/a.png").write_bytes(encoded(RED))
    photographs_found = read_folder(photographs, LABELS).photographs
    (photographs / "red/a.png").unlink()
    model = opened(toy_folder, ON_CPU)
    found = asyncio.run(run(photographs_found, [model], lambda _: None))
    assert found.failures == {"unreadable": ["red/a.png"]}


def test_what_was_done_is_told_in_between(toy_folder: Path, photographs: Path) -> None:
    for index in range(BATCH + 1):
        (photographs / f"red/{index}.png").write_bytes(encoded(RED))
    told: list[int] = []
    model = opened(toy_folder, ON_CPU)
    asyncio.run(run(read_folder(photographs, LABELS).photographs, [model], told.append))
    assert told == [BATCH, 1]
    assert model.answers == BATCH + 1
