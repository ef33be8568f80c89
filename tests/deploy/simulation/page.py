"""The simulation's page, taken apart."""

from deploy.simulation.compare import Summary
from tests.support.documents import PROJECT, table_rows

PAGE = (PROJECT / "deploy/simulation/README.md").read_text(encoding="utf-8")


def shown(heading: str) -> dict[str, Summary]:
    """A table of the page."""
    return summaries(table_rows(heading, document=PAGE))


def summaries(rows: list[list[str]]) -> dict[str, Summary]:
    """Rows of such a table, by their first cell."""
    return {row[0]: read(row[1:]) for row in rows}


def read(cells: list[str]) -> Summary:
    within, p99, refused, hours, most, meets = cells
    summary = Summary(percent(within), float(p99) / 1000, percent(refused), float(hours), int(most))
    assert meets == ("yes" if summary.meets_objective else "no")
    return summary


def percent(cell: str) -> float:
    return float(cell.removesuffix("%")) / 100
