"""A moment of mixed traffic."""

from pathlib import Path

import psutil
import pytest

from resilience.answers import toy_images
from resilience.faults.scene import TWO_WORKERS
from resilience.soak import Soak
from tests.support.servers import running, toy_home


@pytest.mark.slow
def test_mixed_and_hostile_traffic_is_answered_right_and_nothing_grows(tmp_path: Path) -> None:
    with running(toy_home(tmp_path), tmp_path, TWO_WORKERS) as server:
        rows = Soak(server.url, toy_images(), seconds=30).run(psutil.Process(server.process.pid))
    assert len(rows) == 5
    assert [row for row in rows if not row.ok] == []
