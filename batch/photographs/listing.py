"""The list of a run's photographs, whose parts can be read while it is being made.

The list is a file: each line is an entry as a JSON string. Only eight bytes for each part are in
memory.
"""

import json
import os
import threading
from array import array
from collections.abc import Iterator
from itertools import islice

from batch.classification.parts import Part
from batch.photographs.inputs import Source, entries
from batch.rows.run_folder import RunFolder

FIRST_PART = 32
"""Photographs in the first part: about a second of work. Each part is twice as large as the one
before, up to the part size: so the first rows come soon, and there are few files."""


def part_sizes(most: int) -> Iterator[int]:
    """Photographs in each part, from the first; ``most`` is the part size."""
    size = min(FIRST_PART, most)
    while True:
        yield size
        size = min(2 * size, most)


class Listing:
    """Lists in a thread; the parts can be read meanwhile, and more than once.

    A complete list of an earlier run is used again. ``total`` is None until it is known.
    """

    def __init__(self, source: Source, folder: RunFolder, part_size: int) -> None:
        self._source, self._folder, self._part_size = source, folder, part_size
        self.is_complete = folder.inputs.exists()
        self.total: int | None = None
        own = folder.path / f".inputs.{os.uname().nodename}.{os.getpid()}"
        self._path = folder.inputs if self.is_complete else own
        self._file = self._path.open("rb" if self.is_complete else "w+b")
        self._ends = array("Q")
        self._error: BaseException | None = None
        self._grown = threading.Condition()
        threading.Thread(target=self._list, name="listing", daemon=True).start()

    def parts(self) -> Iterator[Part]:
        """Every part in order; waits for those that are not listed yet.

        A BatchError if the source cannot be listed; an OSError if the list cannot be written.
        """
        number = 0
        while self._has(number):
            start = self._ends[number - 1] if number else 0
            lines = os.pread(self._file.fileno(), self._ends[number] - start, start)
            yield Part(number, [json.loads(line) for line in lines.splitlines()])
            number += 1

    def entries(self) -> Iterator[str]:
        """Every photograph in order, as ``parts``."""
        for part in self.parts():
            yield from part.entries

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _has(self, number: int) -> bool:
        with self._grown:
            self._grown.wait_for(
                lambda: self._error or self.total is not None or len(self._ends) > number
            )
            if self._error:
                raise self._error
            return len(self._ends) > number

    def _list(self) -> None:
        total: int | None = None
        error: BaseException | None = None
        try:
            if self.is_complete:
                with self._path.open("rb") as lines:
                    total = sum(map(self._add, self._parts_of(lines)))
            else:
                total = self._written()
        except BaseException as caught:
            error = caught
        with self._grown:
            self.total, self._error = total, error
            self._grown.notify_all()

    def _written(self) -> int:
        lines = (json.dumps(entry).encode() + b"\n" for entry in entries(self._source))
        total = 0
        for part in self._parts_of(lines):
            self._file.writelines(part)
            self._file.flush()
            total += self._add(part)
        os.fsync(self._file.fileno())
        self._folder.keep_inputs(self._path)
        return total

    def _parts_of(self, lines: Iterator[bytes]) -> Iterator[list[bytes]]:
        for size in part_sizes(self._part_size):
            if not (part := list(islice(lines, size))):
                return
            yield part

    def _add(self, part: list[bytes]) -> int:
        """Make a part available to readers; returns the number of its photographs."""
        end = (self._ends[-1] if self._ends else 0) + sum(map(len, part))
        with self._grown:
            self._ends.append(end)
            self._grown.notify_all()
        return len(part)
