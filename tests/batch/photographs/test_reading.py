from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from batch.photographs.inputs import Kind, Source, source_of
from batch.photographs.reading import AHEAD, Reader
from errors import BodyTooLarge, ClassifierError, Unreadable

FOLDER = Source("photographs", Kind.FOLDER)


def read(source: Source, entries: list[str], most: int = 100) -> list[bytes | tuple[str, str]]:
    reader = Reader(source, most)
    found = list(reader.contents(entries))
    reader.close()
    return [(c.code, c.message) if isinstance(c, ClassifierError) else c for c in found]


def test_files_come_in_their_order(tmp_path: Path) -> None:
    entries = [f"{tmp_path}/{number}.jpg" for number in range(3 * AHEAD)]
    for number, entry in enumerate(entries):
        Path(entry).write_bytes(str(number).encode())
    assert read(FOLDER, entries) == [str(number).encode() for number in range(3 * AHEAD)]


def test_one_that_is_missing_or_too_large_is_an_error_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"1" * 101)
    (tmp_path / "b.jpg").write_bytes(b"1" * 100)
    assert read(FOLDER, [f"{tmp_path}/{name}.jpg" for name in "cab"]) == [
        (Unreadable.code, "No such file or directory"),
        (BodyTooLarge.code, "more than 100 bytes"),
        b"1" * 100,
    ]


def test_urls_are_read_up_to_the_limit() -> None:
    files = fsspec.filesystem("memory")
    files.pipe_file("/photos/a.jpg", b"1" * 101)
    files.pipe_file("/photos/b.jpg", b"1" * 100)
    try:
        assert read(FOLDER, [f"memory://photos/{name}.jpg" for name in "cab"]) == [
            (Unreadable.code, "not found"),
            (BodyTooLarge.code, "more than 100 bytes"),
            b"1" * 100,
        ]
    finally:
        files.rm("/photos", recursive=True)


def test_images_of_a_parquet_file_are_read_by_their_rows(tmp_path: Path) -> None:
    file = tmp_path / "images.parquet"
    images = [None if row == 7 else str(row).encode() * (row + 1) for row in range(20)]
    pq.write_table(pa.table({"image": pa.array(images, pa.binary())}), file, row_group_size=6)
    source = source_of(str(file))
    entries = [f"{file}#{row}" for row in range(4, 14)]
    assert read(source, entries, most=24) == [
        *(images[4:7]),
        (Unreadable.code, "the row has no image"),
        *(images[8:12]),
        *[(BodyTooLarge.code, "more than 24 bytes")] * 2,
    ]
