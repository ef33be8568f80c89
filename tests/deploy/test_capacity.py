"""The capacity page shows what is computed, and what is computed is right."""

import math
import re

import httpx
import numpy as np
import pytest

from deploy import capacity
from deploy.capacity import Prices
from deploy.simulation import manifests
from deploy.simulation.autoscaler import Direction, Policy, Rule
from deploy.simulation.compare import DAYS
from deploy.simulation.day import Replica, simulate
from deploy.simulation.manifests import Sampling
from deploy.simulation.traffic import bursty_day
from harness.servers import PROJECT
from harness.toys import RED, encoded
from tests.deploy.simulation.test_compare import shown
from tests.support.commands import python

PAGE = (PROJECT / "deploy/capacity.md").read_text(encoding="utf-8")
REPLICA = Replica()
THRESHOLD = manifests.rule().threshold


@pytest.mark.parametrize(("in_hand", "busy"), [(0.0, 0.0), (1.0, 2 - math.sqrt(2)), (0.75, 0.5)])
def test_the_busy_share_is_the_formula_solved(in_hand: float, busy: float) -> None:
    """By hand: at ρ = ½ there are ½ + ¼ ÷ (2 · ½) = ¾ images in hand."""
    assert capacity.busy_share(in_hand) == pytest.approx(busy)


def test_costs_are_worked_out_by_hand() -> None:
    replica = Replica(workers=2, images_per_second=100.0)
    prices = Prices(processor_hour=0.05, gpu_hour=1.0, image_gigabytes=2.0)
    threshold = 1.5  # half of the time busy: 50 images a second, 180,000 an hour for $0.10
    assert capacity.images_per_second(replica, threshold) == pytest.approx(50)
    dollars = capacity.dollars_per_million(replica, threshold, prices)
    assert dollars == pytest.approx(0.10 / 180_000 * 1e6)
    assert capacity.break_even(replica, prices) == pytest.approx(1000)
    row = capacity.sizes(replica, threshold, prices)[0]
    assert [*row.values()] == ["1,000", "20", "40", "0.86", "1,600", "40", "2.00"]


def test_the_simulated_autoscaler_settles_there() -> None:
    rule = manifests.rule()
    at_once = Direction(0, [Policy("Percent", 100, 15)])
    quick = Rule(rule.threshold, 1, 100, up=at_once, down=at_once)
    rate = 600.0
    sampling = Sampling(interval=5, window=300)
    day = simulate(np.full(3600, rate), quick, sampling, REPLICA)
    settled = sum(day.replicas[120:]) / len(day.replicas[120:])
    assert settled == pytest.approx(rate / capacity.images_per_second(REPLICA, THRESHOLD), rel=0.15)


@pytest.mark.slow
def test_the_page_shows_what_the_command_prints() -> None:
    table, summary = python("-m", "deploy.capacity").strip().split("\n\n")
    assert table in PAGE
    assert summary in PAGE


def test_the_text_has_the_tables_figures() -> None:
    for row in capacity.sizes(REPLICA, THRESHOLD, Prices()):
        rate, replicas, processors, gigabits, samples, *_ = row.values()
        (section,) = re.findall(rf"^\*\*{rate}[^*]*: {replicas} replicas.*?\n\n", PAGE, re.M | re.S)
        if rate == "100,000":
            assert f"{processors} processors" in section
            assert f"{round(float(samples.replace(',', '')), -3):,.0f} samples" in section
            assert f"{round(float(gigabits))} Gbit/s" in section
    most = manifests.rule().maximum * capacity.images_per_second(REPLICA, THRESHOLD)
    assert f"`maxReplicaCount: {manifests.rule().maximum}` is reached at {most:,.0f}" in PAGE


def test_the_bursty_days_cost_is_that_of_the_simulation() -> None:
    hours = shown("## What else matters")["as the manifests have it"].replica_hours
    images = np.mean([bursty_day(seed).sum() for seed in range(DAYS)])
    busy = images / 3600 / (hours * REPLICA.images_per_second)
    dollars = hours * REPLICA.workers * Prices().processor_hour / images * 1e6
    assert f"a replica is {busy:.0%}".replace("%", " %") in PAGE
    assert f"{hours:g} replica-hours for {images / 1e6:.1f} million images, ${dollars:.2f}" in PAGE


@pytest.mark.slow
def test_a_replica_shows_prometheus_no_more_series_than_assumed(served: httpx.Client) -> None:
    good = served.post("/classify", content=encoded(RED))
    bad = [served.post("/classify", content=content) for content in (b"", b"text")]
    assert [good.status_code, *(each.status_code for each in bad)] == [200, 400, 415]
    lines = served.get("/metrics").text.splitlines()
    series = sum(not line.startswith("#") for line in lines)
    assert capacity.SERIES / 2 <= series <= capacity.SERIES
