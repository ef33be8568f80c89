"""``python -m deploy.simulation``: tables of thresholds and variants, and a picture of a day."""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from deploy.simulation import compare, manifests
from deploy.simulation.chart import draw
from deploy.simulation.day import Replica

_WITHIN = f"within {compare.OBJECTIVE_SECONDS * 1000:g} ms"
_OBJECTIVE = f"{compare.OBJECTIVE_SHARE:.0%} of each day's images {_WITHIN}"
_COLUMNS = f"{_WITHIN} | p99 (ms) | refused | replica-hours | most"


def table(first: str, rows: Iterable[tuple[str, compare.Summary]]) -> str:
    """In Markdown."""
    lines = [f"| {first} | {_COLUMNS} | meets |", "|---|---:|---:|---:|---:|---:|---|"]
    for name, summary in rows:
        meets = "yes" if summary.meets_objective else "no"
        lines.append(f"| {' | '.join([name, *summary.cells(), meets])} |")
    return "\n".join(lines)


def main() -> None:
    """Print the tables and draw the chart."""
    arguments = _arguments()
    replica = Replica(
        workers=arguments.workers,
        images_per_second=arguments.images_per_second,
        start_seconds=arguments.start_seconds,
    )
    scenario = compare.Scenario(manifests.rule(), manifests.sampling(), replica)
    thresholds = arguments.thresholds
    found = compare.summaries(compare.with_threshold(scenario, each) for each in thresholds)
    print(table("threshold", zip(map("{:g}".format, thresholds), found, strict=True)))
    try:
        chosen = compare.recommended(zip(thresholds, found, strict=True))
    except ValueError as error:
        sys.exit(f"error: {error}")
    print(f"\n{_OBJECTIVE}: threshold {chosen:g}")
    if arguments.variants:
        named = compare.variants(compare.with_threshold(scenario, chosen))
        print("\n" + table("variant", zip(named, compare.summaries(named.values()), strict=True)))
    if arguments.chart:
        shown = (chosen, thresholds[-1])
        days = {
            f"threshold {each:g}": compare.one_day(compare.with_threshold(scenario, each), 0)
            for each in shown
        }
        draw(days, arguments.chart)


def _arguments() -> argparse.Namespace:
    of = Replica()
    parser = argparse.ArgumentParser(prog="python -m deploy.simulation", description=__doc__)
    parser.add_argument("--workers", type=int, default=of.workers, help="of a replica")
    parser.add_argument("--images-per-second", type=float, default=of.images_per_second)
    parser.add_argument("--start-seconds", type=float, default=of.start_seconds)
    parser.add_argument("--thresholds", type=float, nargs="+", default=compare.THRESHOLDS)
    parser.add_argument("--variants", action="store_true", help="change other things, too")
    parser.add_argument("--chart", type=Path, help="a PNG of one day to write")
    return parser.parse_args()


if __name__ == "__main__":
    main()
