from pathlib import Path

import pytest

from conversion.errors import ConversionError
from conversion.gate.photographs import divided, embedded
from tests.support.toys import LABELS, RED, encoded


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(encoded(RED))


def test_a_quarter_searches_and_the_rest_judges(tmp_path: Path) -> None:
    write(tmp_path, *(f"{index}.png" for index in range(40)))
    shares = divided(tmp_path, LABELS)
    assert (len(shares.searching), len(shares.judging)) == (10, 30)
    assert {*shares.searching, *shares.judging} == set(divided(tmp_path, LABELS).judging) | set(
        shares.searching
    )
    assert not set(shares.searching) & set(shares.judging)
    assert shares.source == f"{tmp_path.name}, labels: none found"


def test_a_large_folder_searches_with_128(tmp_path: Path) -> None:
    write(tmp_path, *(f"{index}.png" for index in range(600)))
    shares = divided(tmp_path, LABELS)
    assert (len(shares.searching), len(shares.judging)) == (128, 472)


def test_photographs_without_label_search_and_only_labelled_ones_judge(tmp_path: Path) -> None:
    write(tmp_path, *(f"{index}.png" for index in range(20)))
    write(tmp_path, *(f"red/{index}.png" for index in range(20)))
    shares = divided(tmp_path, LABELS)
    assert [each.class_id for each in shares.searching] == [None] * 10
    assert [each.class_id for each in shares.judging] == [0] * 20


def test_three_photographs_are_too_few(tmp_path: Path) -> None:
    write(tmp_path, "a.png", "b.png", "c.png")
    with pytest.raises(ConversionError, match=r"has 3 photographs, at least 8 are needed$"):
        divided(tmp_path, LABELS)


@pytest.mark.slow
def test_the_projects_own_photographs_are_cropped_and_mirrored(tmp_path: Path) -> None:
    shares = embedded(tmp_path)
    assert len(shares.searching) == 128
    # One crop is as wide as the photograph: of these, two places of three are the same.
    assert len(shares.judging) >= 150
    names = [
        {each.name.rsplit("-", 1)[0] for each in share}
        for share in (shares.searching, shares.judging)
    ]
    assert names == [{"chelsea", "helmet", "rocket"}, {"camera", "coffee"}]
    assert all(each.path.read_bytes() for each in (*shares.searching, *shares.judging))
    assert "they show little" in shares.source
