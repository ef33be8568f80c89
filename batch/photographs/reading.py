"""The bytes of photographs, from files, URLs and Parquet files."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any

import fsspec
import pyarrow.parquet as pq

from batch.classification.decoding import Content
from batch.files import read_file, too_large
from batch.photographs.inputs import IMAGE_FIELD, Kind, Source, filesystem_of, is_url
from errors import ClassifierError, Unreadable

AHEAD, AHEAD_REMOTE = 8, 32
"""Files read ahead of the decoder: enough to hide the latency of a disk, and of a network."""

_ATTEMPTS = 3  # for a file on a network
_ROWS = 16  # of a Parquet file with images, read at a time


class Reader:
    """Reads the photographs of a source ahead; each may have at most ``most`` bytes."""

    def __init__(self, source: Source, most: int) -> None:
        self._source, self._most = source, most
        self._threads = ThreadPoolExecutor(AHEAD_REMOTE, "reader")

    def contents(self, entries: Sequence[str]) -> Iterator[Content]:
        """The files of consecutive entries, in their order."""
        if self._source.kind is Kind.IMAGES:
            return map(self._bounded, _images(self._source, entries))
        ahead = AHEAD_REMOTE if any(map(is_url, entries)) else AHEAD
        return _ahead(self._threads, self._read, entries, ahead)

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown()

    def _read(self, entry: str) -> Content:
        try:
            read = _download if is_url(entry) else read_file
            return read(entry, self._most)
        except ClassifierError as error:
            return error

    def _bounded(self, content: bytes | None) -> Content:
        if content is None:
            return Unreadable("the row has no image")
        return content if len(content) <= self._most else too_large(self._most)


def _download(url: str, most: int) -> bytes:
    filesystem, path = filesystem_of(url)
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            content: bytes = filesystem.cat_file(path, end=most + 1)
        except FileNotFoundError as error:
            raise Unreadable("not found") from error
        except Exception as error:
            # The exceptions of file systems have no common base class.
            if attempt == _ATTEMPTS:
                raise Unreadable(type(error).__name__) from error
        else:
            break
    if len(content) > most:
        raise too_large(most)
    return content


def _ahead(
    threads: ThreadPoolExecutor, read: Callable[[str], Content], entries: Sequence[str], ahead: int
) -> Iterator[Content]:
    remaining = iter(entries)
    reading: deque[Future[Content]] = deque()
    reading.extend(threads.submit(read, entry) for entry in islice(remaining, ahead))
    while reading:
        content = reading.popleft().result()
        reading.extend(threads.submit(read, entry) for entry in islice(remaining, 1))
        yield content


def _images(source: Source, entries: Sequence[str]) -> Iterator[bytes | None]:
    """The images of consecutive rows; only a few rows are in memory."""
    rows = [int(entry.rpartition("#")[2]) for entry in entries]
    with fsspec.open(source.given, "rb") as file:
        parquet = pq.ParquetFile(file)
        groups, skip = _groups(parquet.metadata, rows[0], rows[-1])
        batches = parquet.iter_batches(_ROWS, row_groups=groups, columns=[source.column])
        images = (image for batch in batches for image in _column_of(batch))
        yield from islice(images, skip, skip + len(rows))


def _groups(metadata: Any, first: int, last: int) -> tuple[list[int], int]:
    """The row groups with these rows, and how many rows they have before the first of them."""
    groups: list[int] = []
    skip = start = 0
    for group in range(metadata.num_row_groups):
        end = start + metadata.row_group(group).num_rows
        if start <= last and first < end:
            if not groups:
                skip = first - start
            groups.append(group)
        start = end
    return groups, skip


def _column_of(batch: Any) -> Iterator[bytes | None]:
    for value in batch.column(0):
        plain = value.as_py()
        yield plain.get(IMAGE_FIELD) if isinstance(plain, dict) else plain
