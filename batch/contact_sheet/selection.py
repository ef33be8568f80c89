"""Which rows of a run the contact sheet shows."""

import heapq
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, NamedTuple

import pyarrow as pa

from batch.contact_sheet.cards import MAX_MISTAKES

MAX_PHOTOGRAPHS = 120  # on the sheet beside the mistakes: the first of the input
MAX_FAILURES = 100  # listed on the sheet: the first of the input


class Shown(NamedTuple):
    """A photograph that the sheet shows."""

    number: int  # of the photograph, from 1
    entry: str
    row: dict[str, Any]  # of the output
    class_id: int | None  # that it shows; None if that is not known


class Selection:
    """Sees every row once and keeps a few; ``class_of`` gives the class that an entry shows.

    It counts all ``photographs``; those that were not classified (``failed``); of the others, those
    whose class is known (``labelled``); and of these, those with another most probable class
    (``wrong``).
    """

    def __init__(self, class_of: Callable[[str], int | None]) -> None:
        self._class_of = class_of
        self.photographs = self.labelled = self.wrong = self.failed = 0
        self.failures: list[dict[str, Any]] = []  # the first rows
        self._first: list[Shown] = []
        self._mistakes: list[tuple[float, int, Shown]] = []

    @property
    def mistakes(self) -> list[Shown]:
        """The most confident ones, most confident first."""
        return [shown for _, _, shown in sorted(self._mistakes, reverse=True)]

    @property
    def others(self) -> list[Shown]:
        """The first photographs that are not among the mistakes shown."""
        mistakes = {shown.number for _, _, shown in self._mistakes}
        others = (shown for shown in self._first if shown.number not in mistakes)
        return list(islice(others, MAX_PHOTOGRAPHS))

    def add(self, entries: Sequence[str], rows: pa.Table) -> None:
        """See the rows of a part."""
        classes = rows.column("class_id").to_pylist()
        for place, (entry, best) in enumerate(zip(entries, classes, strict=True)):
            self.photographs += 1
            if best is None:
                self._fail(rows, place)
                continue
            shown = Shown(self.photographs, entry, {}, self._class_of(entry))
            self._see(shown, best, rows, place)

    def _fail(self, rows: pa.Table, place: int) -> None:
        self.failed += 1
        if len(self.failures) < MAX_FAILURES:
            self.failures.append(_row(rows, place))

    def _see(self, shown: Shown, best: int, rows: pa.Table, place: int) -> None:
        if len(self._first) < MAX_PHOTOGRAPHS + MAX_MISTAKES:
            self._first.append(shown._replace(row=_row(rows, place)))
        if shown.class_id is None:
            return
        self.labelled += 1
        if shown.class_id == best:
            return
        self.wrong += 1
        confidence = rows.column("confidence")[place].as_py()
        # Of equally confident ones the first is kept; numbers are unique.
        key = (confidence, -self.photographs)
        if len(self._mistakes) < MAX_MISTAKES or key > self._mistakes[0][:2]:
            heapq.heappush(self._mistakes, (*key, shown._replace(row=_row(rows, place))))
        if len(self._mistakes) > MAX_MISTAKES:
            heapq.heappop(self._mistakes)


def _row(rows: pa.Table, place: int) -> dict[str, Any]:
    found: dict[str, Any] = rows.slice(place, 1).to_pylist()[0]
    return found
