from pathlib import Path

import pytest

from conversion.errors import ConversionError
from conversion.gate.photographs import split, split_of_crops
from harness.toys import LABELS


def write(folder: Path, *names: str) -> None:
    """Files whose bytes differ."""
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name)


def test_a_quarter_calibrates_and_the_rest_judges(tmp_path: Path) -> None:
    write(tmp_path, *(f"{index}.png" for index in range(40)))
    found = split(tmp_path, LABELS)
    assert (len(found.calibrating), len(found.judging)) == (10, 30)
    assert not set(found.calibrating) & set(found.judging)
    assert split(tmp_path, LABELS) == found
    assert found.source == f"{tmp_path.name}, labels: none found"


def test_of_a_large_folder_128_calibrate(tmp_path: Path) -> None:
    write(tmp_path, *(f"{index}.png" for index in range(600)))
    found = split(tmp_path, LABELS)
    assert (len(found.calibrating), len(found.judging)) == (128, 472)


def test_photographs_without_label_calibrate_and_only_labelled_ones_judge(tmp_path: Path) -> None:
    write(tmp_path, *(f"{index}.png" for index in range(20)))
    write(tmp_path, *(f"red/{index}.png" for index in range(20)))
    found = split(tmp_path, LABELS)
    assert [each.class_id for each in found.calibrating] == [None] * 10
    assert [each.class_id for each in found.judging] == [0] * 20


def test_a_copy_of_a_file_that_calibrates_does_not_judge(tmp_path: Path) -> None:
    write(tmp_path, *(f"{index:02}.png" for index in range(20)))
    (tmp_path / "copies").mkdir()
    for path in list(tmp_path.glob("*.png")):
        (tmp_path / "copies" / path.name).write_bytes(path.read_bytes())
    found = split(tmp_path, LABELS)
    calibrating, judging = (
        {each.path.read_bytes() for each in part} for part in (found.calibrating, found.judging)
    )
    assert len(found.calibrating) == 10
    assert not calibrating & judging
    assert len(calibrating | judging) == 20


def test_three_photographs_are_too_few(tmp_path: Path) -> None:
    write(tmp_path, "a.png", "b.png", "c.png")
    with pytest.raises(ConversionError, match=r"3 photographs; --calibration needs at least 8$"):
        split(tmp_path, LABELS)


@pytest.mark.slow
def test_the_projects_own_photographs_are_cropped_and_mirrored(tmp_path: Path) -> None:
    found = split_of_crops(tmp_path)
    assert len(found.calibrating) == 128
    # One crop is as wide as the photograph: of these, two places of three are the same.
    assert len(found.judging) >= 150
    names = [
        {each.name.rsplit("-", 1)[0] for each in part}
        for part in (found.calibrating, found.judging)
    ]
    assert names == [{"chelsea", "helmet", "rocket"}, {"camera", "coffee"}]
    assert all(each.path.read_bytes() for each in (*found.calibrating, *found.judging))
    assert "they show little" in found.source
