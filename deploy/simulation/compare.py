"""Several days with several rules, and the cheapest threshold that meets the objective."""

import multiprocessing
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace

from deploy.simulation.autoscaler import Policy, Rule
from deploy.simulation.day import Day, Replica, simulate
from deploy.simulation.manifests import Sampling
from deploy.simulation.traffic import bursty_day
from interrupts import interrupting_only_this_process

THRESHOLDS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)  # images in hand for each replica, of two workers
DAYS = 3

OBJECTIVE_SECONDS = 0.25
OBJECTIVE_SHARE = 0.99
"""The objective: of all images sent on a day, this share is answered within these seconds."""


@dataclass(frozen=True)
class Scenario:
    """What a day is simulated with."""

    rule: Rule
    sampling: Sampling
    replica: Replica


@dataclass(frozen=True)
class Summary:
    """Some days with one scenario."""

    within: float  # share of the images sent that were answered in time, on the worst day
    p99: float  # seconds, of the images answered on the worst day
    refused: float  # share of the images sent on all days
    replica_hours: float  # a day, on average
    most: int  # replicas there ever were

    @property
    def meets_objective(self) -> bool:
        """On every day."""
        return self.within >= OBJECTIVE_SHARE

    def cells(self) -> list[str]:
        """For a table."""
        return [
            f"{self.within:.2%}",
            f"{self.p99 * 1000:.0f}",
            f"{self.refused:.3%}",
            f"{self.replica_hours:.1f}",
            str(self.most),
        ]


def one_day(scenario: Scenario, seed: int) -> Day:
    """The traffic of day number ``seed``, arriving as it does on that day."""
    return simulate(
        bursty_day(seed), scenario.rule, scenario.sampling, scenario.replica, seed + 100
    )


def summarise(days: Sequence[Day]) -> Summary:
    """All days of one scenario."""
    return Summary(
        within=min(day.answered_within(OBJECTIVE_SECONDS) for day in days),
        p99=max(day.quantile(0.99) for day in days),
        refused=sum(sum(day.refused) for day in days) / sum(sum(day.sent) for day in days),
        replica_hours=sum(day.replica_hours for day in days) / len(days),
        most=max(max(day.replicas) for day in days),
    )


def summaries(scenarios: Iterable[Scenario]) -> list[Summary]:
    """One for each scenario, computed on all processors."""
    pairs = [(scenario, seed) for scenario in scenarios for seed in range(DAYS)]
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        with interrupting_only_this_process():
            found = pool.map(one_day, *zip(*pairs, strict=True))
        try:
            days = list(found)
        except KeyboardInterrupt:
            for process in multiprocessing.active_children():
                process.terminate()  # else the pool waits for the days in hand
            raise
    return [summarise(days[start : start + DAYS]) for start in range(0, len(days), DAYS)]


def with_threshold(scenario: Scenario, threshold: float) -> Scenario:
    """The same with another threshold."""
    return replace(scenario, rule=replace(scenario.rule, threshold=threshold))


def recommended(found: Iterable[tuple[float, Summary]]) -> float:
    """The threshold that needs the fewest replicas of those that meet the objective.

    A ValueError if none does.
    """
    good = [(summary.replica_hours, each) for each, summary in found if summary.meets_objective]
    if not good:
        raise ValueError("no threshold meets the objective")
    return min(good)[1]


def variants(scenario: Scenario) -> dict[str, Scenario]:
    """The scenario, and the same with one thing changed, by name."""
    rule = scenario.rule
    quick = [replace(each, period=15) for each in rule.up.policies]
    hasty = replace(rule.down, window=60, policies=[Policy("Percent", 100, 15)])
    return {
        "as the manifests have it": scenario,
        "up as fast as every 15 s": replace(
            scenario, rule=replace(rule, up=replace(rule.up, policies=quick))
        ),
        "down all at once after 60 s": replace(scenario, rule=replace(rule, down=hasty)),
        "scraped every 30 s": replace(scenario, sampling=Sampling(30, 30)),
        "pods start in 150 s: a new node each": replace(
            scenario, replica=replace(scenario.replica, start_seconds=150.0)
        ),
        "a reserve of 8 replicas instead of 2": replace(scenario, rule=replace(rule, minimum=8)),
    }
