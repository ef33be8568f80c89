"""What the command prints."""

import asyncio
import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from deployment_check.checks import Result, Verdict
from deployment_check.deployment import Deployment

_MARKS = {
    Verdict.PASSED: "[green]✓[/]",
    Verdict.FAILED: "[bold red]✗[/]",
    Verdict.SKIPPED: "[dim]–[/]",
}
_BAR = 30
_REFRESH_SECONDS = 0.1


class Terminal:
    """Prints results as they come."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._group: str | None = None

    def deployment(self, deployment: Deployment) -> None:
        """The deployment that is checked."""
        health = deployment.health
        served = f"{health.get('model', 'unknown')} on {health.get('device', 'unknown')}"
        self._console.print(f"[bold]{escape(deployment.options.url)}[/]  {escape(served)}")

    def result(self, result: Result) -> None:
        """The result of one check."""
        if result.group != self._group:
            self._group = result.group
            self._console.print(f"\n[bold]{result.group}[/]")
        style = {Verdict.FAILED: "red", Verdict.SKIPPED: "dim"}.get(result.verdict, "")
        line = Table.grid(padding=(0, 1))
        line.add_column(width=1)
        line.add_column(width=32)
        line.add_column(overflow="fold")
        line.add_row(
            _MARKS[result.verdict], result.name, f"[{style or 'default'}]{escape(result.detail)}[/]"
        )
        self._console.print(line)

    @contextlib.contextmanager
    def loop(self, name: str, seconds: float) -> Iterator[None]:
        """A bar that fills while a loop of the load test lasts; in a file, a line."""
        columns = (TextColumn("  {task.description}"), BarColumn(), TimeRemainingColumn())
        silent = not self._console.is_terminal
        if silent:
            self.note(f"  {name}, {seconds:g} s …")
        with Progress(*columns, console=self._console, transient=True, disable=silent) as progress:
            task = progress.add_task(name, total=seconds)
            filling = asyncio.ensure_future(_fill(progress, task))
            try:
                yield
            finally:
                filling.cancel()

    def verdict(self, results: Sequence[Result]) -> None:
        """How many checks passed, failed and were skipped."""
        counts = {v: sum(r.verdict is v for r in results) for v in Verdict}
        colour = "red" if counts[Verdict.FAILED] else "green"
        text = ", ".join(f"{count} {verdict.value}" for verdict, count in counts.items())
        self._console.print(f"\n[bold {colour}]{text}[/]")

    def answer(self, name: str, answer: Mapping[str, Any], seconds: float) -> None:
        """The answer for one image."""
        title = f"[bold]{escape(name)}[/]: [bold green]{escape(answer['label'])}[/]"
        self._console.print(f"{title}  {answer['confidence']:.1%}")
        table = Table.grid(padding=(0, 2))
        for each in answer["predictions"]:
            bar = "█" * round(each["confidence"] * _BAR)
            table.add_row(
                f"  {each['confidence']:6.1%}",
                f"[cyan]{bar or '▏':{_BAR}}[/]",
                escape(each["label"]),
                f"[dim]{each['class_id']}[/]",
            )
        self._console.print(table)
        inside = answer["processing_time"] * 1000
        self._console.print(
            f"answered in {seconds * 1000:.1f} ms, of which {inside:.1f} ms in the service, "
            f"by {escape(answer['model'])}"
        )

    def note(self, text: str) -> None:
        """A line."""
        self._console.print(escape(text))

    def notes(self, texts: Iterable[str]) -> None:
        """Several lines, below an empty one."""
        self._console.print()
        for text in texts:
            self.note(text)

    def error(self, text: str) -> None:
        """Why the command ends."""
        self._console.print(f"[bold red]error:[/] {escape(text)}")


async def _fill(progress: Progress, task: Any) -> None:
    begun = time.monotonic()
    while True:
        progress.update(task, completed=time.monotonic() - begun)
        await asyncio.sleep(_REFRESH_SECONDS)
