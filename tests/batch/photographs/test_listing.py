import errno
import os
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from batch.classification.parts import Part
from batch.errors import BatchError
from batch.photographs import listing as module
from batch.photographs.inputs import Kind, Source, source_of
from batch.photographs.listing import Listing, part_sizes
from batch.rows.run_folder import RunFolder


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "rows.parquet", {"input": "photographs"})


def listed(photographs: Path, folder: RunFolder, part_size: int) -> Listing:
    return Listing(source_of(str(photographs)), folder, part_size)


def test_photographs_are_listed_in_parts(photographs: Path, folder: RunFolder) -> None:
    listing = listed(photographs, folder, 12)
    names = [f"{photographs}/{c}/{n}.png" for c in ("blue", "green", "red") for n in range(10)]
    expected = [Part(0, names[:12]), Part(1, names[12:24]), Part(2, names[24:])]
    assert list(listing.parts()) == expected
    assert list(listing.parts()) == expected
    assert listing.total == 30
    listing.close()


def test_the_first_parts_are_small_and_grow_to_the_part_size() -> None:
    assert list(islice(part_sizes(512), 6)) == [32, 64, 128, 256, 512, 512]
    assert list(islice(part_sizes(100), 4)) == [32, 64, 100, 100]
    assert list(islice(part_sizes(7), 2)) == [7, 7]


def test_a_complete_list_counts_whatever_has_changed(photographs: Path, folder: RunFolder) -> None:
    first = listed(photographs, folder, 12)
    expected = list(first.parts())
    first.close()
    assert not first.is_complete
    (photographs / "red/0.png").unlink()
    again = listed(photographs, folder, 12)
    assert again.is_complete
    assert list(again.parts()) == expected
    again.close()
    assert {path.name for path in folder.path.iterdir()} == {"run.json", "inputs.jsonl"}


def test_the_first_part_is_there_while_the_rest_is_listed(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = False

    def slowly(source: Source) -> Iterator[str]:
        yield from ("a.jpg", "b.jpg")
        while not released:
            time.sleep(0.001)
        yield "c.jpg"

    monkeypatch.setattr(module, "entries", slowly)
    listing = Listing(Source("slow", Kind.FOLDER), folder, 2)
    parts = listing.parts()
    assert next(parts) == Part(0, ["a.jpg", "b.jpg"])
    assert listing.total is None
    released = True
    assert list(parts) == [Part(1, ["c.jpg"])]
    assert listing.total == 3
    listing.close()


def test_what_stops_the_listing_is_raised(folder: RunFolder) -> None:
    listing = Listing(Source("gone.txt", Kind.TEXT), folder, 2)
    with pytest.raises(BatchError, match=r"cannot list gone.txt: .*No such file"):
        next(listing.parts())
    listing.close()


def test_two_processes_must_list_the_same(photographs: Path, folder: RunFolder) -> None:
    folder.inputs.write_text('"another.jpg"\n')
    own = folder.path / ".inputs.own"
    own.write_text('"own.jpg"\n')
    with pytest.raises(BatchError, match="another process of this run has listed other"):
        folder.keep_inputs(own)
    assert not own.exists()
    own.write_text('"another.jpg"\n')
    folder.keep_inputs(own)
    assert folder.inputs.read_text() == '"another.jpg"\n'


def test_a_file_system_without_hard_links_will_do(
    photographs: Path, folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), str(source))

    monkeypatch.setattr(os, "link", refuse)
    listing = listed(photographs, folder, 12)
    assert len(list(listing.entries())) == 30
    listing.close()
    assert {path.name for path in folder.path.iterdir()} == {"run.json", "inputs.jsonl"}
