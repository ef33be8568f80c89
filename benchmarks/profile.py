"""What each millisecond of a request is: ``python -m benchmarks.profile``.

Serves the near-zero-cost model, loads it with 16 clients, and samples one worker with py-spy.
The samples of a thread are shares; what they are shares of is the processor time that the
kernel counted for it, so a thread that waits for a processor does not seem to cost more.
Prints a Markdown table.
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

from benchmarks import forms, load, photographs
from benchmarks.core import Core
from benchmarks.launch import launched
from benchmarks.models import KNOWN, obtain
from benchmarks.processes import adopt_orphans
from benchmarks.stacks import OURS, STACKS
from benchmarks.toys import NEAR_ZERO
from serving.guard import worker_processes
from tests.resilience.resources import supervisor

SECONDS = 10
_CLIENTS = 16
_SAMPLES_A_SECOND = 500

OTHER = "the rest of the thread: waking, handing over, Python's own"

PARTS = (
    ("JPEG decoding (libjpeg)", ("load (PIL/ImageFile.py",)),
    ("resize and crop (Pillow)", ("resize (PIL/Image.py",)),
    ("file structure and limits", ("preprocessing/structure.py",)),
    ("the rest of decode and transform", ("preprocessing/",)),
    ("session.run", ("run (inference/session.py",)),
    ("metrics", ("prometheus_client/", "metrics.py")),
    ("best classes and their labels", ("_prediction (", "inference/top_k.py")),
    ("JSON and sending the response", ("serving/sending.py", "serving/messages.py")),
    ("reading the request (uvicorn, httptools)", ("data_received (",)),
    ("batching", ("inference/batcher.py", "inference/runner.py")),
    ("front door and parsing", ("serving/",)),
    ("uvicorn's and BentoML's own", ("uvicorn/protocols/", "uvicorn/middleware/")),
)
"""What a sample belongs to: the first part one of whose texts is in any of its frames."""

_IDLE = ("_receive (inference/batcher.py", "wait (threading.py", "Runner.run (asyncio")


@dataclass(frozen=True)
class Thread:
    """Of a worker, while it was sampled.

    Attributes:
        cpu_seconds: of processor time.
        samples: of its stacks, frames from the outermost inwards, that were not idle.
    """

    cpu_seconds: float
    samples: Sequence[str]


def parts(threads: Iterable[Thread], images: int) -> dict[str, float]:
    """Milliseconds of processor time an image, by part; the greatest first.

    Args:
        threads: of one worker.
        images: that the worker classified meanwhile.
    """
    milliseconds: defaultdict[str, float] = defaultdict(float)
    for thread in threads:
        counts = Counter(map(_part, thread.samples))
        for part, count in counts.items():
            share = count / len(thread.samples)
            milliseconds[part] += 1000 * thread.cpu_seconds * share / images
    return dict(sorted(milliseconds.items(), key=lambda item: -item[1]))


def _part(stack: str) -> str:
    return next((name for name, texts in PARTS if any(text in stack for text in texts)), OTHER)


def table(found: Mapping[str, float], limit_ms: float) -> str:
    """In Markdown, beside the bare limit."""
    total = sum(found.values())
    lines = ["| part | ms CPU an image | share |", "|---|---:|---:|"]
    lines += [f"| {part} | {ms:.3f} | {ms / total:.1%} |" for part, ms in found.items()]
    lines.append(f"| **together** | **{total:.3f}** | {total / limit_ms:.2f} × the limit |")
    return "\n".join(lines)


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
    command = ["py-spy", "record", "--threads", "--format", "raw", "--output", str(file)]
    command += ["--duration", str(seconds), "--rate", str(_SAMPLES_A_SECOND)]
    command += ["--pid", str(worker.pid)]
    program = str(Path(sys.executable).with_name(command[0]))
    subprocess.run([program, *command[1:]], check=True, capture_output=True)
    return file.read_text().splitlines()


def _answers(core: Core, images: Sequence[bytes]) -> dict[bytes, int]:
    return {image: core.classify([image])[0]["class_id"] for image in images}


def _workers(url: str) -> list[psutil.Process]:
    root = supervisor(int(url.rpartition(":")[2]))
    assert root is not None
    return worker_processes(root.pid)


def _limit_ms(core: Core, images: Sequence[bytes]) -> float:
    """Of one process alone, in batches of four."""
    process = psutil.Process()
    core.classify(images[:4])
    before = sum(process.cpu_times()[:2])
    for first in range(0, len(images), 4):
        core.classify(images[first : first + 4])
    return 1000 * (sum(process.cpu_times()[:2]) - before) / len(images)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description=__doc__)
    parser.add_argument("--model", choices=KNOWN, default=NEAR_ZERO)
    parser.add_argument("--photographs", type=Path, help="a folder of JPEG files")
    parser.add_argument("--seconds", type=int, default=SECONDS)
    given = parser.parse_args()
    adopt_orphans()
    images = photographs.read(given.photographs) if given.photographs else photographs.make()
    model = obtain(given.model)
    core = Core(model.folder)
    with (
        tempfile.TemporaryDirectory(prefix="profile-") as name,
        launched(STACKS[OURS], model, Path(name), _answers(core, images[:1])) as running,
        ThreadPoolExecutor(1) as pool,
    ):
        folder = Path(name)
        load.prepare(folder / "requests", forms.RAW.headers, [*map(forms.RAW.body, images)])
        url = running.url + forms.RAW.path
        load.send(url, folder / "requests", clients=_CLIENTS, seconds=2)
        workers = _workers(running.url)
        before = [_cpu_seconds(worker) for worker in workers]
        seen = pool.submit(
            load.send, url, folder / "requests", clients=_CLIENTS, seconds=given.seconds
        )
        stacks = _sample(workers[0], given.seconds, folder / "stacks")
        requests = seen.result().requests
        threads = _threads(workers[0], stacks, before[0])
    print(table(parts(threads, requests // len(workers)), _limit_ms(core, images)))


if __name__ == "__main__":
    main()
