"""What each millisecond of a request is: ``python -m benchmarks.profile``.

Serves the near-zero-cost model, loads it with 16 clients, and samples one worker with py-spy.
The samples of a thread are shares of the processor time that the kernel counted for it, so a
thread that waits for a processor does not seem to cost more. Prints a Markdown table.
"""

import argparse
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks import photographs
from benchmarks.measurement.limit import Limit
from benchmarks.measurement.measure import end_with_orphans, right_answers, warm_up
from benchmarks.measurement.models import KNOWN, NEAR_ZERO, obtain
from benchmarks.report import tables
from benchmarks.stacks import forms
from benchmarks.stacks.launch import launched
from benchmarks.stacks.stacks import OURS, STACKS
from load_generator import wrk
from serving.compat.process_manager import worker_processes

SECONDS = 10
_CLIENTS = 16
_SAMPLES_A_SECOND = 500
_LIMIT_SECONDS = 2
_LIMIT_BATCH_SIZE = 4

OTHER = "the rest of the thread: waking, handing over, Python's own"

PARTS = (
    (
        "JPEG decoding (libjpeg)",
        ("decode_jpeg (preprocessing/fast_jpeg.py", "load (PIL/ImageFile.py"),
    ),
    ("resize and crop", ("preprocessing/resize/", "resize (PIL/Image.py")),
    ("file structure and limits", ("preprocessing/ordinary/",)),
    ("the rest of decode and transform", ("preprocessing/",)),
    ("session.run", ("run (inference/sessions/session.py",)),
    ("metrics", ("prometheus_client/", "serving/metrics/", "inference/batching/metrics.py")),
    ("best classes and their labels", ("_prediction (", "inference/answers/top_k.py")),
    ("JSON and sending the response", ("transport/responses.py", "api/responses.py")),
    ("reading the request (uvicorn, httptools)", ("data_received (",)),
    ("batching", ("inference/batching/",)),
    ("front door and parsing", ("serving/",)),
    ("uvicorn's and BentoML's own", ("uvicorn/protocols/", "uvicorn/middleware/")),
)
"""Parts, each with texts. A sample belongs to the first part with a text in one of its frames."""

_IDLE = ("_receive (inference/batching/batcher.py", "wait (threading.py", "Runner.run (asyncio")


@dataclass(frozen=True)
class Thread:
    """Of a worker, while it was sampled."""

    cpu_seconds: float  # of processor time
    samples: Sequence[str]  # of its stacks, frames from the outermost inwards, that were not idle


def parts(threads: Iterable[Thread], images: int) -> dict[str, float]:
    """Milliseconds of processor time an image, by part; the greatest first.

    Of the threads of one worker, and the images that it classified meanwhile.
    """
    milliseconds: defaultdict[str, float] = defaultdict(float)
    for thread in threads:
        for part, count in Counter(map(_part, thread.samples)).items():
            share = count / len(thread.samples)
            milliseconds[part] += 1000 * thread.cpu_seconds * share / images
    return dict(sorted(milliseconds.items(), key=lambda item: -item[1]))


def _part(stack: str) -> str:
    return next((name for name, texts in PARTS if any(text in stack for text in texts)), OTHER)


def table(found: Mapping[str, float], limit_ms: float) -> str:
    """In Markdown, beside the bare limit."""
    total = sum(found.values())
    rows = [[part, f"{ms:.3f}", f"{ms / total:.1%}"] for part, ms in found.items()]
    rows.append(["**together**", f"**{total:.3f}**", f"{total / limit_ms:.2f} × the limit"])
    return "\n".join(tables.table(["part", "ms CPU an image", "share"], rows))


def _threads(
    worker: psutil.Process, stacks: Iterable[str], before: Mapping[int, float]
) -> list[Thread]:
    now = _cpu_seconds(worker)
    samples: dict[int, list[str]] = {thread: [] for thread in now}
    for line in stacks:
        stack, _, count = line.rpartition(" ")
        thread = next((each for each in samples if f"thread ({each})" in stack), None)
        if thread is not None and not any(text in stack.rpartition(";")[2] for text in _IDLE):
            samples[thread] += [stack] * int(count)
    return [
        Thread(seconds - before.get(each, 0.0), samples[each] or [""])
        for each, seconds in now.items()
    ]


def _cpu_seconds(worker: psutil.Process) -> dict[int, float]:
    """Of every thread, to the nanosecond (schedstat; psutil has clock ticks)."""
    tasks = Path(f"/proc/{worker.pid}/task").iterdir()
    return {int(t.name): int((t / "schedstat").read_text().split()[0]) / 1e9 for t in tasks}


def _sample(worker: psutil.Process, seconds: int, file: Path) -> list[str]:
    command = [str(Path(sys.executable).with_name("py-spy")), "record", "--threads"]
    command += ["--format", "raw", "--output", str(file), "--pid", str(worker.pid)]
    command += ["--duration", str(seconds), "--rate", str(_SAMPLES_A_SECOND)]
    subprocess.run(command, check=True, capture_output=True)
    return file.read_text().splitlines()


def _profile(model_name: str, images: Sequence[bytes], seconds: int) -> dict[str, float]:
    model, form = obtain(model_name), forms.RAW
    answers = right_answers(model, images)
    with (
        tempfile.TemporaryDirectory(prefix="profile-") as name,
        launched(STACKS[OURS], model, Path(name), answers) as running,
        ThreadPoolExecutor(1) as pool,
    ):
        requests = Path(name) / "requests"
        wrk.prepare(requests, form.headers, images)
        url = running.url + form.path
        warm_up(url, requests)
        workers = worker_processes(running.process_id)
        before = _cpu_seconds(workers[0])
        seen = pool.submit(wrk.send, url, requests, clients=_CLIENTS, seconds=seconds)
        stacks = _sample(workers[0], seconds, Path(name) / "stacks")
        classified = seen.result().requests // len(workers)
        return parts(_threads(workers[0], stacks, before), classified)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description=__doc__)
    parser.add_argument("--model", choices=KNOWN, default=NEAR_ZERO)
    parser.add_argument("--photographs", type=Path, help=photographs.HELP)
    parser.add_argument("--seconds", type=int, default=SECONDS)
    given = parser.parse_args()
    end_with_orphans()
    images = photographs.given_or_made(given.photographs)
    found = _profile(given.model, images, given.seconds)
    with Limit(obtain(given.model).folder, images, [_LIMIT_BATCH_SIZE]) as limit:
        print(table(found, limit.measure(_LIMIT_SECONDS).cpu_ms))


if __name__ == "__main__":
    main()
