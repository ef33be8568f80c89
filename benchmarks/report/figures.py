"""Medians, spreads and ratios of what was measured."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.report.results import Results, Window

Quantity = Callable[[Window], float]

NONE = "–"


@dataclass(frozen=True)
class Figure:
    """The median over the rounds, and the least and the greatest."""

    median: float
    least: float
    greatest: float


def figure(values: Iterable[float]) -> Figure | None:
    """None where nothing was measured."""
    found = sorted(values)
    return Figure(median(found), found[0], found[-1]) if found else None


def number(figure: Figure | None, decimals: int, factor: float = 1.0) -> str:
    """The median as text."""
    return NONE if figure is None else f"{factor * figure.median:.{decimals}f}"


def spread(figure: Figure | None, decimals: int) -> str:
    """The median, and the least and the greatest, as text."""
    if figure is None:
        return NONE
    low, high = f"{figure.least:.{decimals}f}", f"{figure.greatest:.{decimals}f}"
    return f"{figure.median:.{decimals}f} ({low}–{high})"


@dataclass(frozen=True)
class ModelFigures:
    """The windows of one model."""

    results: Results
    model: str

    @property
    def windows(self) -> list[Window]:
        """Of this model."""
        return [each for each in self.results.windows if each.model == self.model]

    @property
    def clients(self) -> list[int]:
        """Numbers of clients that were measured, ascending."""
        return sorted({each.clients for each in self.windows})

    def of(self, stack: str, clients: Sequence[int] = ()) -> list[Window]:
        """A stack's windows, in the order of the rounds; with all numbers of clients by default."""
        return [
            each
            for each in self.windows
            if each.stack == stack and (not clients or each.clients in clients)
        ]

    def figure(self, stack: str, clients: int, quantity: Quantity) -> Figure | None:
        """A quantity over the rounds."""
        return figure(map(quantity, self.of(stack, [clients])))

    def limit(self, quantity: Quantity) -> Figure | None:
        """A quantity of the limit over all its windows."""
        return figure(map(quantity, self.windows))

    def ready(self, stack: str) -> Figure | None:
        """Seconds from start to the first right answer."""
        return figure(each.ready_seconds for each in self.of(stack))

    def failures(self, stack: str, clients: Sequence[int] = ()) -> tuple[int, int]:
        """Requests that failed, and all requests."""
        windows = self.of(stack, clients)
        failed = sum(each.failures for each in windows)
        return failed, failed + sum(each.requests for each in windows)

    def memory(self, stack: str) -> tuple[int, int] | None:
        """The most bytes held: PSS and the sum of the peaks."""
        windows = self.of(stack)
        if not windows:
            return None
        return max(each.pss_bytes for each in windows), max(each.rss_bytes for each in windows)

    def ratio(self, stack: str, peer: str, clients: int, quantity: Quantity) -> Figure | None:
        """A quantity of one stack ÷ that of another in the same round, over the rounds."""
        others = {each.round: quantity(each) for each in self.of(peer, [clients])}
        return figure(
            quantity(each) / others[each.round]
            for each in self.of(stack, [clients])
            if others.get(each.round)
        )

    def reason(self, stack: str) -> str | None:
        """Why a stack is absent; None if it was measured."""
        reasons = {(each.model, each.stack): each.reason for each in self.results.absences}
        return reasons.get((self.model, stack))
