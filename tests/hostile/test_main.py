"""The tool behind `make hostile` notices what it is there to notice."""

import subprocess
import sys

import psutil
import pytest

from hostile.__main__ import Cost, Meter, _evidence, _excess, _problems
from hostile.requests import calls
from hostile.requests.calls import Call
from hostile.requests.expected import RED
from resilience.evidence import Evidence

MEGABYTES = 50

# Takes memory and gives it back, then processor time, when told to.
SPENDER = f"""
import os, time
print(flush=True)
input()
filling = bytearray(os.urandom({MEGABYTES} * 2**20))
del filling
end = time.process_time() + 0.1
while time.process_time() < end:
    pass
print(flush=True)
input()
"""


@pytest.mark.slow
def test_processor_time_and_the_peak_of_memory_are_measured() -> None:
    command = [sys.executable, "-c", SPENDER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        process.stdout.readline()
        with Meter(psutil.Process(process.pid)) as meter:
            process.stdin.write(b"\n")
            process.stdin.flush()
            process.stdout.readline()
            cost = meter.cost()
        process.communicate(b"\n")
    assert cost.cpu_ms > 50
    assert cost.rss_mb > MEGABYTES - 5


def test_the_larger_cost_of_each_kind_counts() -> None:
    assert Cost(1, 20) | Cost(10, 2) == Cost(10, 20)


def test_only_what_is_more_than_allowed_is_an_excess() -> None:
    assert _excess(Cost(300, 100), Cost()) == []
    assert _excess(Cost(301, 101), Cost()) == ["301 ms of processor time", "101 MB of memory"]
    assert _excess(Cost(301, 101), Cost(1, 1)) == []


def test_another_outcome_than_the_expected_is_a_problem() -> None:
    call = Call(RED, calls.body(b""))
    assert _problems(call, RED) == []
    assert _problems(call, calls.INVALID) == ["400 invalid_request, not 200 red"]


def test_a_row_says_what_failed() -> None:
    row = _evidence("case", "200 red", "400 invalid_request", Cost(1.4, 2.6), ["a", "b"])
    seen = "400 invalid_request; 1 ms, 3 MB; a; b"
    assert row == Evidence("case", "200 red", seen, ok=False)
