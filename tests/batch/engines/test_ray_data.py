"""Ray on this machine, as a user starts it: in a process of its own."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from batch.options import Options
from batch.run import run
from harness.servers import PROJECT
from tests.batch.conftest import SETTINGS

pytest.importorskip("ray")

_WAIT_SECONDS = 240.0


def kill_an_actor(process: subprocess.Popen[bytes], parts: Path) -> None:
    """Kill one of Ray's actors once there are rows."""
    end = time.monotonic() + _WAIT_SECONDS
    while len(list(parts.glob("0*.parquet"))) < 3:
        assert time.monotonic() < end
        time.sleep(0.01)
    started = psutil.Process(process.pid).children(recursive=True)
    actor = next(each for each in started if "MapWorker" in " ".join(each.cmdline()))
    actor.kill()


@pytest.mark.slow
def test_the_rows_are_those_of_this_machine_though_an_actor_is_killed(
    photographs: Path, model: Path, tmp_path: Path
) -> None:
    local, output = tmp_path / "local.parquet", tmp_path / "ray.parquet"
    run(Options(str(photographs), local, model=str(model), part_size=1), SETTINGS)
    command = [
        *(sys.executable, "-m", "batch", str(photographs), "--output", str(output)),
        *("--model", str(model), "--part-size", "1", "--engine", "ray"),
    ]
    variables = {**os.environ, "CLASSIFIER_DEVICE": "cpu", "CLASSIFIER_WORKERS": "2"}
    process = subprocess.Popen(command, cwd=PROJECT, env=variables, stdout=subprocess.PIPE)
    kill_an_actor(process, tmp_path / "ray.parquet.unfinished")
    told, _ = process.communicate(timeout=_WAIT_SECONDS)
    assert told.decode().splitlines()[-1] == f"{output}: 30 photographs"
    assert output.read_bytes() == local.read_bytes()
