"""wrk as load generator: its clients send prepared requests, one after the other."""

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_SCRIPT = Path(__file__).with_name("wrk.lua")

_TIMEOUT = "60s"  # wrk counts a slower answer as a timeout and leaves it out of the latencies


class LoadError(Exception):
    """wrk is missing or gave no result."""


@dataclass(frozen=True)
class Load:
    """What the clients measured."""

    seconds: float  # for how long they sent
    requests: int  # answered with a good status
    failures: int  # answered with an error status, or not at all
    p50_ms: float  # median latency
    p99_ms: float  # latency that one of a hundred exceeds
    cpu_seconds: float  # processor time that sending and receiving took

    @property
    def per_second(self) -> float:
        """Good answers a second."""
        return self.requests / self.seconds


def prepare(folder: Path, headers: Mapping[str, str], bodies: Sequence[bytes]) -> None:
    """Write the requests into a folder, as ``wrk.lua`` reads them."""
    folder.mkdir(parents=True)
    lines = [f"{name}: {value}\n" for name, value in headers.items()]
    (folder / "headers").write_text("".join(lines), encoding="utf-8")
    for index, body in enumerate(bodies):
        (folder / str(index)).write_bytes(body)


def send(url: str, folder: Path, *, clients: int, seconds: float) -> Load:
    """Send prepared requests for some seconds, rounded to whole ones, as wrk takes them.

    Each client has one request at a time. A LoadError if wrk is missing or could not connect.
    """
    command = ["wrk", "-t1", f"-c{clients}", f"-d{max(1, round(seconds))}s"]
    command += ["--timeout", _TIMEOUT, "-s", str(_SCRIPT), url, "--", str(folder)]
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        except FileNotFoundError as error:
            raise LoadError("wrk is missing (apt-get install wrk)") from error
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        return parse(output.read().decode(), usage.ru_utime + usage.ru_stime)


def parse(output: str, cpu_seconds: float) -> Load:
    """Read what ``wrk.lua`` printed; a LoadError if it printed no result."""
    _, found, result = output.partition("\nRESULT ")
    if not found:
        raise LoadError(output.strip().splitlines()[-1] if output.strip() else "wrk said nothing")
    counts = json.loads(result)
    return Load(
        seconds=counts["microseconds"] / 1e6,
        requests=counts["responses"] - counts["status"],
        failures=counts["status"] + counts["socket"],
        p50_ms=counts["p50"] / 1000,
        p99_ms=counts["p99"] / 1000,
        cpu_seconds=cpu_seconds,
    )
