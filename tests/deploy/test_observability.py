"""Every query of the dashboard, the alerts and the README, asked of a real Prometheus."""

import contextlib
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import promql_parser
import pytest
import yaml
from PIL import Image

from harness.images import save
from harness.servers import ENDS_WITH_US, PROJECT, free_port
from harness.toys import BLUE, RED, encoded
from inference.answers.drift import LEAST
from tests.support.documents import DOCS, table_rows
from tests.support.tools import program

FOLDER = PROJECT / "deploy/observability"
RULES = yaml.safe_load((FOLDER / "rules.yml").read_text(encoding="utf-8"))
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))

ALERTS = [rule["expr"] for group in RULES["groups"] for rule in group["rules"]]
PANELS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]

README = (PROJECT / "deploy/README.md").read_text(encoding="utf-8")
WATCHED = table_rows("## What to watch in production", document=README)
QUERIES = [row[1].strip("`") for row in WATCHED]

GPU = "image_classifier_gpu_"
_PATIENCE = 60.0
_START_SECONDS = 20.0


def watched(expression: str) -> str:
    """What an alert compares, without the comparison."""
    side = " ".join(expression.split()).partition(" > ")[0]
    return side.removeprefix("absent(").removesuffix(")") if side.startswith("absent(") else side


def test_every_alert_is_in_the_table_of_what_to_watch() -> None:
    table = {watched(query) for query in QUERIES}
    assert [alert for alert in ALERTS if watched(alert) not in table] == []


@pytest.mark.parametrize("query", [*ALERTS, *PANELS, *QUERIES])
def test_a_query_is_promql(query: str) -> None:
    promql_parser.parse(query)


def test_metrics_of_gpus_are_documented() -> None:
    names = set(re.findall(rf"{GPU}\w+", " ".join((*ALERTS, *PANELS))))
    assert len(names) == 5
    assert [name for name in names if f"`{name}`" not in DOCS["observability.md"]] == []


@pytest.mark.slow
def test_queries_ask_for_metrics_that_there_are(served: httpx.Client) -> None:
    for _ in range(LEAST):  # or there is no drift to be shown
        assert served.post("/classify", content=encoded(RED)).status_code == 200
    shown = set(re.findall(r"^(\w+)[{ ]", served.get("/metrics").text, re.MULTILINE))
    asked = set(re.findall(r"\b(?:image_classifier|bentoml)_\w+", " ".join(QUERIES)))
    assert len(asked) >= 9
    assert {name for name in asked if "_gpu_" not in name} <= shown


def series(prometheus: httpx.Client, query: str) -> list[Any]:
    """What a query finds; an error if it cannot be asked."""
    answer = prometheus.get("/query", params={"query": query})
    assert answer.json()["status"] == "success", answer.text
    return list(answer.json()["data"]["result"])


def is_ready(prometheus: httpx.Client) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return prometheus.get("/query", params={"query": "1"}).is_success
    return False


@pytest.fixture
def prometheus(served: httpx.Client, tmp_path: Path) -> Iterator[httpx.Client]:
    """Prometheus with the project's configuration, but on the toy server and faster."""
    program("prometheus", "prometheus")
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text(encoding="utf-8"))
    seconds = ("scrape_interval", "scrape_timeout", "evaluation_interval")
    config["global"] = dict.fromkeys(seconds, "1s")
    config["rule_files"] = [str(FOLDER / name) for name in config["rule_files"]]
    target = f"{served.base_url.host}:{served.base_url.port}"
    config["scrape_configs"][0]["static_configs"] = [{"targets": [target]}]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    port = free_port()
    command = [*ENDS_WITH_US, "make", "observe", f"PROMETHEUS_CONFIG={tmp_path}/prometheus.yml"]
    command += [f"PROMETHEUS_PORT={port}", f"PROMETHEUS_DATA={tmp_path}/data"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=PROJECT, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=20) as client:
            end = time.monotonic() + _START_SECONDS
            while not is_ready(client):
                assert time.monotonic() < end, (tmp_path / "log").read_text()
                time.sleep(0.2)
            yield client
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(_START_SECONDS)


def slow_to_decode() -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (1400, 1400, 3), np.uint8)
    return save(Image.fromarray(noise), "PNG")


def send_traffic(client: httpx.Client) -> None:
    """Enough of it for drift, and one request whose deadline passes."""
    for index in range(4):
        files = [("images", encoded(RED if index % 2 else BLUE))] * 64
        assert client.post("/classify_batch", files=files).status_code == 200
    assert client.post("/classify", content=encoded(RED)).status_code == 200
    late = client.post("/classify", content=slow_to_decode(), headers={"x-deadline-ms": "1"})
    assert late.status_code == 504


@pytest.mark.slow
def test_every_query_finds_what_it_asks_for(served: httpx.Client, prometheus: httpx.Client) -> None:
    send_traffic(served)
    asked = {watched(query) for query in (*QUERIES, *ALERTS, *PANELS)}
    on_gpus = {query for query in asked if GPU in query}
    for query in on_gpus:  # there is none here
        assert series(prometheus, query) == []
    end = time.monotonic() + _PATIENCE
    missing = asked - on_gpus
    while missing and time.monotonic() < end:
        missing = {query for query in missing if not series(prometheus, query)}
        time.sleep(0.5)
    assert missing == set()
    groups = prometheus.get("/rules").json()["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert [rule["health"] for rule in rules] == ["ok"] * len(ALERTS)
    assert [rule.get("lastError", "") for rule in rules] == [""] * len(ALERTS)
