"""Break a service in every way that it must survive: ``python -m resilience.faults``.

Prints a Markdown table with a line for each fault, and ends with 1 if one was not survived.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from resilience.evidence import Evidence, report
from resilience.faults import machine_faults, process_faults, start_faults
from resilience.faults.scene import FAILURES, Row

FAULTS: dict[str, Callable[[Path], Row]] = {
    "kill -9 a worker": process_faults.kill_worker,
    "kill -9 a worker in a container": process_faults.kill_worker_in_container,
    "SIGSTOP a worker": process_faults.stop_worker,
    "a worker hangs while loading": start_faults.hang_while_loading,
    "SIGTERM while a worker hangs loading": start_faults.terminate_while_loading,
    "SIGTERM under load": process_faults.terminate,
    "kill -9 the supervisor": process_faults.kill_supervisor,
    "model.onnx deleted": machine_faults.delete_model,
    "model.onnx corrupted": machine_faults.corrupt_model,
    "disk full": machine_faults.fill_disk,
    "no file descriptors left": machine_faults.exhaust_descriptors,
    "clock steps of an hour": machine_faults.step_clock,
}


def run(name: str) -> Row:
    """Run one fault in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="fault-") as folder:
        try:
            return FAULTS[name](Path(folder))
        except FAILURES as error:
            return Row(problems=[str(error)])


def evidence(name: str) -> Evidence:
    """The row of one fault; the fault's docstring says behind its colon what is expected."""
    row = run(name)
    expected = (FAULTS[name].__doc__ or "").partition(":")[2]
    return Evidence(name, " ".join(expected.split()).rstrip("."), row.seen(), not row.problems)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m resilience.faults", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="FAULT", help=", ".join(FAULTS))
    parser.add_argument("--record", action="store_true", help="for resilience/README.md")
    given = parser.parse_args()
    unknown = [name for name in given.names if name not in FAULTS]
    if unknown:
        parser.error(f"no such fault: {unknown}")
    sys.exit(report("faults", map(evidence, given.names or FAULTS), recorded=given.record))


if __name__ == "__main__":
    main()
