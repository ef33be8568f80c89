"""Progress of a run: a bar on a terminal, else a line every ten seconds."""

import time
from collections.abc import Callable
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_LINE_SECONDS = 10.0  # between two lines where there is no terminal


class RunProgress:
    """Shows how many photographs are done and saved; ``total`` is None until it is known."""

    def __init__(self, total: Callable[[], int | None]) -> None:
        self._total = total
        self._console = Console(stderr=True)
        self._bar: Progress | None = None
        self._started = self._told = time.monotonic()
        self._before = self._now = self.errors = 0

    @property
    def done(self) -> int:
        """Photographs that are done, also by earlier runs."""
        return self._before + self._now

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[told]}"))
            self._bar = Progress(*columns, TimeRemainingColumn(), console=self._console)
            self._task = self._bar.add_task("photographs", total=None, told="")
            self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar:
            self._bar.stop()

    def resume(self, count: int) -> None:
        """Count photographs that were done by an earlier run."""
        self._before += count

    def advance(self, count: int, errors: int) -> None:
        """Count photographs that are done."""
        self._now += count
        self.errors += errors
        if self._bar:
            self._bar.update(
                self._task, completed=self.done, total=self._total(), told=self._figures()
            )
        elif time.monotonic() - self._told > _LINE_SECONDS:
            self._told = time.monotonic()
            self._console.print(self._line(), highlight=False, soft_wrap=True)

    def _rate(self) -> float:
        return self._now / max(time.monotonic() - self._started, 1e-9)

    def _figures(self) -> str:
        return f"{self._rate():.0f} images/s, {self.errors:,} errors"

    def _line(self) -> str:
        total = self._total()
        if total is None:
            return f"{self.done:,} photographs, still listing, {self._figures()}"
        left = (total - self.done) / max(self._rate(), 1e-9)
        return f"{self.done:,} of {total:,} photographs, {self._figures()}, {left:.0f} s left"
