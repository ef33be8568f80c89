"""A stack, started and asked until it answers right."""

import contextlib
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.measurement.models import Model
from benchmarks.measurement.processes import Tree
from benchmarks.stacks.forms import Form
from benchmarks.stacks.stacks import Stack
from harness.servers import PROJECT, free_port

_START_SECONDS = 90.0
_STOP_SECONDS = 20.0
_ANSWER_SECONDS = 30.0
_LOG_LINES = 3
_LOG_CHARACTERS = 300


class StackError(Exception):
    """A stack cannot be measured; says why."""


@dataclass(frozen=True)
class Running:
    """A stack that answered right."""

    url: str  # without a path
    process_id: int  # of what was started
    tree: Tree  # all its processes
    ready_seconds: float  # from its start to its first right answer


@contextlib.contextmanager
def launched(
    stack: Stack, model: Model, folder: Path, answers: Mapping[bytes, int]
) -> Iterator[Running]:
    """Serve until the block ends; the folder gets its log and its temporary files.

    All the answers, the right class of some images, are asked for in every request form. A
    StackError if it is not installed, does not start, or answers wrongly.
    """
    if not stack.python.exists():
        raise StackError("not installed (make bench-peers)")
    port, log, tree = free_port(), folder / "log", Tree()
    started = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            stack.command(port),
            cwd=PROJECT,
            env=stack.environment(model, port, folder),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(process, url, next(iter(stack.forms.values())), next(iter(answers)), log)
        ready = time.monotonic() - started
        for form in stack.forms.values():
            _check(url, form, answers)
        yield Running(url, process.pid, tree, ready)
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
        tree.kill()


def _wait(process: subprocess.Popen[bytes], url: str, form: Form, image: bytes, log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise StackError(f"ended: {_last_lines(log)}")
        with contextlib.suppress(httpx.TransportError):
            if _ask(url, form, image).status_code == httpx.codes.OK:
                return
        time.sleep(0.02)
    raise StackError(f"no answer within {_START_SECONDS:g} s: {_last_lines(log)}")


def _check(url: str, form: Form, answers: Mapping[bytes, int]) -> None:
    for image, class_id in answers.items():
        response = _ask(url, form, image)
        if response.status_code != httpx.codes.OK:
            raise StackError(f"answered {response.status_code}: {response.text[:200]}")
        if (got := form.class_id(response.content)) != class_id:
            raise StackError(f"answered class {got} instead of {class_id}")


def _ask(url: str, form: Form, image: bytes) -> httpx.Response:
    return httpx.post(
        url + form.path,
        content=form.body(image),
        headers=form.headers,
        timeout=_ANSWER_SECONDS,
        trust_env=False,
    )


def _last_lines(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").split("\n") if line.strip()]
    return " / ".join(lines[-_LOG_LINES:])[-_LOG_CHARACTERS:]
