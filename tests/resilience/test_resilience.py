"""The faults that need little waiting, and a moment of mixed traffic."""

from pathlib import Path

import psutil
import pytest

from tests.resilience.answers import toy_images
from tests.resilience.faults import run
from tests.resilience.scene import TWO_WORKERS
from tests.resilience.soak import Plan, soak
from tests.servers import running, toy_home

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "fault",
    [
        "model.onnx deleted",
        "model.onnx corrupted",
        "a worker hangs while loading",
        "SIGTERM under load",
    ],
)
def test_a_fault_is_survived(fault: str) -> None:
    assert run(fault).verdict == "ok"


def test_mixed_and_hostile_traffic_is_answered_right_and_nothing_grows(tmp_path: Path) -> None:
    with running(toy_home(tmp_path), tmp_path, TWO_WORKERS) as server:
        plan = Plan(server.url, toy_images(), seconds=30)
        rows = soak(plan, psutil.Process(server.process.pid))
    assert len(rows) == 5
    assert [row for row in rows if not row.ok] == []
