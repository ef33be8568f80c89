"""A moment of mixed traffic."""

from collections import Counter
from pathlib import Path
from typing import cast

import pytest

from harness.servers import Server, running, toy_home
from resilience.answers import toy_images
from resilience.faults.scene import TWO_WORKERS
from resilience.soak import Soak


@pytest.mark.slow
def test_mixed_and_hostile_traffic_is_answered_right_and_nothing_grows(tmp_path: Path) -> None:
    with running(toy_home(tmp_path), tmp_path, TWO_WORKERS) as server:
        rows = Soak(server, toy_images(), seconds=30).run()
    assert len(rows) == 5
    assert [row for row in rows if not row.ok] == []


@pytest.mark.parametrize(("refused", "is_well"), [(1, True), (2, False)])
def test_more_than_one_refusal_in_a_hundred_is_a_failure(refused: int, is_well: bool) -> None:
    counts = Counter({("classify, body", "200"): 100 - refused, ("health", "503"): refused})
    rows = Soak(cast("Server", None), (), seconds=1, counts=counts)._answers()
    assert [row.ok for row in rows] == [True, is_well]
