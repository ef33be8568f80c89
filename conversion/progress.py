"""Progress on standard error."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_LINES = 10
"""Lines of progress, where there is no terminal."""

Advance = Callable[[int], object]
"""Called with the number of photographs that were done since the last call."""


@contextmanager
def progress(doing: str, total: int) -> Iterator[Advance]:
    """A bar that fills with ``total`` photographs; without a terminal, a line for each tenth."""
    console = Console(stderr=True)
    columns = (TextColumn(doing), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        if done * _LINES // total < (done + count) * _LINES // total:
            console.print(f"{doing}: {done + count:,} of {total:,} photographs", highlight=False)
        done += count

    if not console.is_terminal:
        yield advance
        return
    with Progress(*columns, console=console, transient=True) as shown:
        task = shown.add_task(doing, total=total)
        yield lambda count: shown.advance(task, count)
