import json
import os
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batch.errors import BatchError
from batch.photographs.inputs import Kind, Source, entries, filesystem_of, is_url, source_of
from harness.toys import RED, encoded


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(encoded(RED))


def listed(given: str | Path, column: str | None = None) -> list[str]:
    return list(entries(source_of(str(given), column)))


def relative(folder: Path) -> list[str]:
    return [os.path.relpath(each, folder) for each in listed(folder)]


def test_a_folder_is_listed_with_all_below_in_the_order_of_names(tmp_path: Path) -> None:
    touch(tmp_path, "b/2.jpg", "b/10.jpg", "a.png", "c.txt", ".hidden/d.jpg", "b/.e.jpg", "Z.GIF")
    assert relative(tmp_path) == ["Z.GIF", "a.png", "b/10.jpg", "b/2.jpg"]


def test_links_to_photographs_count_and_links_to_folders_do_not(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.jpg")
    (tmp_path / "a/loop").symlink_to(tmp_path)
    (tmp_path / "link.jpg").symlink_to("a/1.jpg")
    (tmp_path / "gone.jpg").symlink_to("nowhere")
    assert relative(tmp_path) == ["a/1.jpg", "gone.jpg", "link.jpg"]


def test_a_folder_that_cannot_be_listed_is_an_entry(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.jpg")
    source = source_of(str(tmp_path))
    found = entries(Source(f"{tmp_path}/gone", source.kind))
    assert list(found) == [f"{tmp_path}/gone"]


def test_names_that_are_no_utf_8_keep_their_bytes(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff.jpg")
    touch(tmp_path, name)
    (found,) = listed(tmp_path)
    assert os.fsencode(found).endswith(b"/\xff.jpg")
    assert json.loads(json.dumps(found)) == found


def test_a_pattern_finds_files_at_any_depth(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.jpg", "a/b/2.jpg", "a/b/3.png", "folder.jpg/4.jpg")
    pattern = f"{tmp_path}/**/*.jpg"
    assert source_of(pattern).kind is Kind.PATTERN
    found = [os.path.relpath(each, tmp_path) for each in listed(pattern)]
    assert found == ["a/1.jpg", "a/b/2.jpg", "folder.jpg/4.jpg"]


def test_a_text_file_has_a_path_in_each_line(tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    file.write_bytes(b"b.jpg\r\n\na b.jpg\nhttps://host/c.jpg\n\xff.jpg")
    expected = ["b.jpg", "a b.jpg", "https://host/c.jpg", os.fsdecode(b"\xff.jpg")]
    assert listed(file) == expected


def test_a_parquet_file_has_a_column_of_paths(tmp_path: Path) -> None:
    file = tmp_path / "paths.parquet"
    pq.write_table(pa.table({"id": [1, 2, 3], "path": ["b.jpg", None, "a.jpg"]}), file)
    assert source_of(str(file)) == Source(str(file), Kind.PATHS, "path")
    assert listed(file) == ["b.jpg", "", "a.jpg"]


@pytest.mark.parametrize(
    "images", [[b"1", b"2"], [{"bytes": b"1", "path": "a"}, {"bytes": b"2", "path": None}]]
)
def test_a_parquet_file_has_a_column_of_images(images: list[object], tmp_path: Path) -> None:
    file = tmp_path / "images.parquet"
    pq.write_table(pa.table({"label": [0, 1], "image": images}), file)
    assert source_of(str(file)) == Source(str(file), Kind.IMAGES, "image")
    assert listed(file) == [f"{file}#0", f"{file}#1"]


def test_a_column_is_asked_for_or_named(tmp_path: Path) -> None:
    file = tmp_path / "paths.parquet"
    pq.write_table(pa.table({"old": ["a.jpg"], "new": ["b.jpg"], "size": [1]}), file)
    assert listed(file, "new") == ["b.jpg"]
    with pytest.raises(BatchError, match=r"which column of .*\? --column, of: old, new, size"):
        source_of(str(file))
    with pytest.raises(BatchError, match="which column"):
        source_of(str(file), "newer")
    with pytest.raises(BatchError, match=r"the column size of .* holds int64, neither"):
        source_of(str(file), "size")


def test_what_is_no_input_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "list.txt")
    (tmp_path / "broken.parquet").write_bytes(b"no Parquet")
    for given, reason in {
        "gone": "neither a folder nor a file",
        "a.jpg": "is one photograph",
        "gone.parquet": "No such file",
        "broken.parquet": "cannot read",
    }.items():
        with pytest.raises(BatchError, match=reason):
            source_of(str(tmp_path / given))
    with pytest.raises(BatchError, match=r"--column is of a .parquet file"):
        source_of(str(tmp_path / "list.txt"), "path")


def test_urls_go_through_fsspec() -> None:
    files = fsspec.filesystem("memory")
    for name in ("/photos/b/2.jpg", "/photos/a.png", "/photos/b/note.md", "/photos/.c.jpg"):
        files.pipe_file(name, encoded(RED))
    files.pipe_file("/lists/all.txt", b"memory:///photos/a.png\n")
    try:
        assert listed("memory://photos") == ["memory:///photos/a.png", "memory:///photos/b/2.jpg"]
        assert listed("memory://photos/**/*.jpg") == ["memory:///photos/b/2.jpg"]
        assert listed("memory://lists/all.txt") == ["memory:///photos/a.png"]
    finally:
        files.rm("/photos", recursive=True)
        files.rm("/lists", recursive=True)


def test_a_package_that_is_missing_is_named() -> None:
    assert is_url("s3://bucket/a.jpg")
    assert not is_url("a:b.jpg")
    with pytest.raises(BatchError, match=r"s3://bucket/a.jpg cannot be opened: pip install s3fs"):
        filesystem_of("s3://bucket/a.jpg")
    with pytest.raises(BatchError, match="fsspec does not know nothing"):
        filesystem_of("nothing://a.jpg")
