"""The benchmark itself, as short as it can be."""

import shutil
import sys
from pathlib import Path

import pytest

from benchmarks.report import tables
from benchmarks.report.results import Results
from tests.support.commands import python, run


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("wrk") is None, reason="make wrk")
def test_the_limit_and_the_service(tmp_path: Path) -> None:
    output = tmp_path / "results.json"
    command = ["-m", "benchmarks", "--quick", "--models", "near_zero", "--stacks", "ours"]
    printed = python(*command, "--output", output)
    results = Results.load(output)
    assert list(results.versions) == ["ours, raw body", "ours, multipart"]
    assert [(each.stack, each.clients) for each in results.windows] == [
        ("ours, raw body", 1),
        ("ours, raw body", 4),
        ("ours, multipart", 1),
        ("ours, multipart", 4),
    ]
    for window in results.windows:
        assert window.failures == 0
        assert window.requests > 0
        assert window.cpu_seconds > 0
        assert window.pss_bytes > 0
        assert window.ready_seconds > 0
        assert window.limit.images_per_second > 0
    assert results.absences == ()
    assert tables.summary(results) in printed
    assert output.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_unknown_names_are_refused() -> None:
    done = run([sys.executable, "-m", "benchmarks", "--stacks", "ours,flask"])
    assert done.returncode == 2
    assert "unknown: flask (there are ours, ours_int8, ours_int8_openvino, mosec_one" in done.stderr
