"""Shows results again without measuring: ``python -m benchmarks.report [RESULTS …]``.

Prints the tables. ``--publish`` also keeps the results in ``benchmarks/results.json``, puts
the tables into the documents that show them and draws the chart.
"""

import argparse
import re
from collections.abc import Callable
from functools import reduce
from pathlib import Path

from benchmarks.report import chart, tables
from benchmarks.report.results import Results
from benchmarks.stacks.stacks import DEFAULT

_PROJECT = Path(__file__).parents[2]

PUBLISHED = _PROJECT / "benchmarks" / "results.json"
CHART = _PROJECT / "docs" / "benchmark.png"

DOCUMENTS: dict[Path, Callable[[Results], str]] = {
    _PROJECT / "README.md": tables.summary,
    _PROJECT / "benchmarks" / "README.md": tables.details,
}
"""What is shown where, between the two marks."""

_BEGIN, _END = "<!-- benchmark -->", "<!-- /benchmark -->"
_BLOCK = re.compile(f"{_BEGIN}\n(.*?){_END}", re.DOTALL)


def shown(document: str) -> str:
    """The tables in a document; a ValueError if it has no place for them."""
    found = _BLOCK.search(document)
    if not found:
        raise ValueError(f"no {_BEGIN} … {_END}")
    return found[1].strip()


def replaced(document: str, tables: str) -> str:
    """The document with other tables."""
    return _BLOCK.sub(lambda _: f"{_BEGIN}\n{tables}\n{_END}", document)


def publish(results: Results) -> None:
    """Bring the kept results, the documents and the chart up to date."""
    results.save(PUBLISHED)
    for path, render in DOCUMENTS.items():
        document = path.read_text(encoding="utf-8")
        shown(document)
        path.write_text(replaced(document, render(results)), encoding="utf-8")
    chart.draw(results, CHART)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__)
    parser.add_argument(
        "results", nargs="*", type=Path, default=[PUBLISHED], help="runs of different models"
    )
    parser.add_argument("--publish", action="store_true", help="in the documents, too")
    given = parser.parse_args()
    found = reduce(Results.with_models_of, map(Results.load, given.results))
    results = found.in_order([title for stack in DEFAULT for title in stack.forms])
    print(tables.summary(results), tables.details(results), sep="\n\n")
    if given.publish:
        publish(results)


if __name__ == "__main__":
    main()
