import shutil
from pathlib import Path

import pytest

from load_generator import wrk

OUTPUT = """Running 2s test @ http://127.0.0.1:1/
  2 requests in 2.00s

RESULT {"microseconds": 2000000, "responses": 210, "status": 7, "socket": 3, \
"p50": 1500, "p99": 9000}
"""


def test_failures_are_statuses_and_sockets() -> None:
    assert wrk.parse(OUTPUT, 0.25) == wrk.Load(
        seconds=2.0, requests=203, failures=10, p50_ms=1.5, p99_ms=9.0, cpu_seconds=0.25
    )


def test_no_result_is_an_error() -> None:
    with pytest.raises(wrk.LoadError, match="unable to connect"):
        wrk.parse("Running\nunable to connect to 127.0.0.1:1 Connection refused\n", 0)
    with pytest.raises(wrk.LoadError, match="wrk said nothing"):
        wrk.parse("", 0)


def test_requests_are_prepared(tmp_path: Path) -> None:
    wrk.prepare(tmp_path / "a" / "b", {"A": "1", "B": "2: 3"}, [b"x", b"y"])
    files = {path.name: path.read_bytes() for path in (tmp_path / "a" / "b").iterdir()}
    assert files == {"headers": b"A: 1\nB: 2: 3\n", "0": b"x", "1": b"y"}


def test_the_generator_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("wrk") is None
    with pytest.raises(wrk.LoadError, match="apt-get install wrk"):
        wrk.send("http://127.0.0.1:1/", tmp_path, clients=1, seconds=1)
