"""The threshold is the one that the simulation recommends, and its page shows what it finds."""

import sys
from pathlib import Path

import pytest
from PIL import Image

from deploy.simulation import compare, manifests
from deploy.simulation.__main__ import main, table
from deploy.simulation.chart import draw
from deploy.simulation.day import Replica, simulate
from deploy.simulation.traffic import bursty_day
from harness.servers import PROJECT
from tests.support.commands import python
from tests.support.documents import table_rows
from tests.support.kustomized import manifest, trigger

FOLDER = PROJECT / "deploy/simulation"
AS_DEPLOYED = compare.Scenario(manifests.rule(), manifests.sampling(), Replica())

PAGE = (PROJECT / "deploy/simulation/README.md").read_text(encoding="utf-8")


def shown(heading: str) -> dict[str, compare.Summary]:
    """A table of the page."""
    return summaries(table_rows(heading, document=PAGE))


def summaries(rows: list[list[str]]) -> dict[str, compare.Summary]:
    """Rows of such a table, by their first cell."""
    return {row[0]: read(row[1:]) for row in rows}


def read(cells: list[str]) -> compare.Summary:
    within, p99, refused, hours, most, meets = cells
    summary = compare.Summary(
        percent(within), float(p99) / 1000, percent(refused), float(hours), int(most)
    )
    assert meets == ("yes" if summary.meets_objective else "no")
    return summary


def percent(cell: str) -> float:
    return float(cell.removesuffix("%")) / 100


def agree(found: compare.Summary, page: compare.Summary) -> bool:
    """But for rounding, and for what another version of numpy may round otherwise."""
    return (
        found.within == pytest.approx(page.within, abs=0.0005)
        and found.p99 == pytest.approx(page.p99, rel=0.05)
        and found.refused == pytest.approx(page.refused, rel=0.05, abs=0.0001)
        and found.replica_hours == pytest.approx(page.replica_hours, rel=0.02)
        and abs(found.most - page.most) <= 1
    )


def test_the_manifest_has_the_threshold_that_the_page_recommends() -> None:
    rows = [(float(name), summary) for name, summary in shown("# Which threshold").items()]
    assert [threshold for threshold, _ in rows] == list(compare.THRESHOLDS)
    assert compare.recommended(rows) == manifests.rule().threshold
    assert f"**{manifests.rule().threshold:g}** needs the fewest replicas" in PAGE
    assert f"**The objective: {compare.OBJECTIVE_SHARE:.0%} of each day's images are" in PAGE
    assert f"answered within {compare.OBJECTIVE_SECONDS * 1000:g} ms.**" in PAGE


def test_the_simulated_rule_is_the_one_that_is_deployed() -> None:
    spec = manifest("cpu", "ScaledObject")["spec"]
    rule = manifests.rule()
    assert (rule.minimum, rule.maximum) == (spec["minReplicaCount"], spec["maxReplicaCount"])
    assert f"{rule.threshold:g}" == trigger("cpu")["threshold"]
    assert f"[{manifests.sampling().window}s]" in trigger("cpu")["query"]
    assert (manifests.sampling().interval, rule.up.window, rule.down.window) == (5, 0, 300)


@pytest.mark.slow
def test_the_page_shows_what_the_simulation_finds() -> None:
    chosen = manifests.rule().threshold
    next_higher = compare.THRESHOLDS[compare.THRESHOLDS.index(chosen) + 1]
    thresholds = f"{chosen:g}", f"{next_higher:g}"
    printed = python("-m", "deploy.simulation", "--thresholds", *thresholds)
    found = summaries(table_rows("", document="\n" + printed))
    page = shown("# Which threshold")
    assert tuple(found) == thresholds
    assert all(agree(each, page[name]) for name, each in found.items())
    assert [each.meets_objective for each in found.values()] == [True, False]
    assert printed.endswith(f"within 250 ms: threshold {chosen:g}\n")


def test_the_variants_are_those_of_the_page() -> None:
    assert list(compare.variants(AS_DEPLOYED)) == list(shown("## What else matters"))


def test_nothing_is_recommended_where_nothing_will_do() -> None:
    late = compare.Summary(within=0.98, p99=1.0, refused=0.0, replica_hours=1.0, most=1)
    fine = compare.Summary(within=0.99, p99=1.0, refused=0.0, replica_hours=9.0, most=1)
    finer = compare.Summary(within=1.0, p99=0.1, refused=0.0, replica_hours=10.0, most=1)
    assert compare.recommended([(3.0, late), (2.0, fine), (1.0, finer)]) == 2.0
    with pytest.raises(ValueError, match="no threshold meets the objective"):
        compare.recommended([(3.0, late)])


def test_the_command_says_that_nothing_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    late = compare.Summary(within=0.98, p99=1.0, refused=0.0, replica_hours=1.0, most=1)
    monkeypatch.setattr(compare, "summaries", lambda scenarios: [late for _ in scenarios])
    monkeypatch.setattr(sys, "argv", ["simulation", "--thresholds", "3"])
    with pytest.raises(SystemExit, match=r"^error: no threshold meets the objective$"):
        main()


def test_tables_are_printed_as_the_page_has_them() -> None:
    assert table("threshold", shown("# Which threshold").items()) in PAGE
    assert table("variant", shown("## What else matters").items()) in PAGE


@pytest.mark.slow
def test_the_chart_is_a_picture_of_every_day(tmp_path: Path) -> None:
    of = AS_DEPLOYED
    day = simulate(bursty_day()[:7200], of.rule, of.sampling, of.replica)
    draw({"one": day, "another": day}, tmp_path / "day.png")
    with Image.open(tmp_path / "day.png") as drawn, Image.open(FOLDER / "day.png") as kept:
        assert (drawn.format, drawn.size) == ("PNG", kept.size)
