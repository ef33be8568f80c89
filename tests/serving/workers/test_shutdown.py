import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from serving.workers.table import lives

END_WITH_SUPERVISOR = (
    "from serving.workers.shutdown import end_with_supervisor; end_with_supervisor(); "
)


def test_a_worker_ends_when_its_supervisor_is_killed(tmp_path: Path) -> None:
    worker = (
        f"import time, pathlib, os; {END_WITH_SUPERVISOR}"
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid())); time.sleep(60)"
    )
    supervisor = (
        "import os, subprocess, sys; os.environ['IMAGE_CLASSIFIER_SUPERVISOR'] = str(os.getpid()); "
        f"subprocess.run([sys.executable, '-c', {worker!r}])"
    )
    with subprocess.Popen([sys.executable, "-c", supervisor]) as process:
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            time.sleep(0.02)
        process.kill()
    orphan = int((tmp_path / "pid").read_text())
    end = time.monotonic() + 10
    while lives(orphan):
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_worker_whose_supervisor_is_dead_already_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = f"{END_WITH_SUPERVISOR}print('still here')"
    monkeypatch.setenv("IMAGE_CLASSIFIER_SUPERVISOR", "1")
    done = subprocess.run([sys.executable, "-c", worker], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, b"")
