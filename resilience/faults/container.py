"""For container.sh: ``python -m resilience.faults.container URL CONTAINER STOP-COMMAND``.

Kills a worker in a container that serves the default model, then stops the container under load.
"""

import shlex
import subprocess
import sys
import time
from collections.abc import Sequence

from load_generator.known_images import Outcome
from resilience.answers import photographs
from resilience.faults.load import Exchange, Load
from resilience.faults.process_faults import REPLACE_SECONDS, TAKEN_SECONDS
from resilience.processes import until
from resilience.traffic import batch_form
from settings import load_settings

_BATCHES = (4, 6, 8, 10)  # images in each request: so many that some are in progress at any moment
_TIMEOUT = 60.0

_WORKERS = (
    "from serving.compat.process_manager import worker_processes as w; "
    "print(*[p.pid for p in w(1)])"
)


def replace_worker(container: str) -> str:
    """Kill a worker: another one replaces it, and the container goes on."""
    before = _workers(container)
    victim = before.pop()
    _docker("exec", container, "sh", "-c", f"kill -9 {victim}")

    def replaced() -> bool:
        now = _workers(container)
        started = _docker("logs", container).count("Completed async startup hook: start")
        return victim not in now and started == len(before) + 2

    seconds = until(replaced, REPLACE_SECONDS, f"worker {victim} replaced")
    if not before <= _workers(container):
        raise SystemExit("FAILED: the other workers have died, too")
    return f"worker {victim} was killed, and replaced after {seconds:.1f} s"


def stop_under_load(url: str, container: str, command: str) -> str:
    """Stop the container: requests in flight are answered, and it ends with 0."""
    images = photographs(url)
    batches = [[images[n % len(images)] for n in range(size)] for size in _BATCHES]
    calls = [batch_form(each) for each in batches]
    asked = [(call.request(url), call.judged) for call in calls]
    with Load(url, len(asked), asked) as load:
        until(lambda: len(load.exchanges) > len(asked), _TIMEOUT, "all have an answer")
        begun = time.monotonic()
        subprocess.run(shlex.split(command), check=True, capture_output=True)
        seconds = time.monotonic() - begun
    status = _docker("inspect", "--format", "{{.State.ExitCode}}", container)
    if status != "0":
        raise SystemExit(f"FAILED: exit status {status}")
    return f"{account(load.exchanges, begun)}; exit status 0 after {seconds:.1f} s"


def account(exchanges: Sequence[Exchange], stopped: float) -> str:
    """The outcome of the batches sent to a container that was stopped at a moment.

    The service takes connections until its drain is over. Ends the command if a batch that was sent
    before that was not answered right, or if none was in flight at that moment.
    """
    closed = stopped + load_settings().drain_ms / 1000
    by_outcome = {o: [each for each in exchanges if each.outcome is o] for o in Outcome}
    lost = [each for each in by_outcome[Outcome.LOST] if each.begun < closed - TAKEN_SECONDS]
    wrong = [each.detail for each in by_outcome[Outcome.WRONG]]
    if lost or wrong:
        raise SystemExit(f"FAILED: lost {lost}, wrong {wrong}")
    answered = by_outcome[Outcome.RIGHT]
    at_stop = sum(each.begun < stopped < each.ended for each in answered)
    refused = min(each.begun for each in by_outcome[Outcome.LOST])
    after = sum(each.ended > refused for each in answered)
    if not at_stop or not after:
        raise SystemExit(
            f"FAILED: in flight at the stop {at_stop}, after the last connection {after}"
        )
    return (
        f"{len(answered)} batches answered, of them {at_stop} in flight at the stop "
        f"and {after} when no connection was taken any more; 0 lost"
    )


def _workers(container: str) -> set[str]:
    folder = "/home/bentoml/bento/src"
    return set(_docker("exec", "--workdir", folder, container, "python", "-c", _WORKERS).split())


def _docker(*arguments: str) -> str:
    done = subprocess.run(
        ["docker", *arguments],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if arguments[0] == "logs" else subprocess.PIPE,
        text=True,
    )
    return done.stdout.strip()


def main(url: str, container: str, command: str) -> None:
    """Run both."""
    print(replace_worker(container))
    print(stop_under_load(url, container, command))


if __name__ == "__main__":
    main(*sys.argv[1:])
