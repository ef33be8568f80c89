"""The command as a user types it, and what ends it half-way."""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest

from batch.command import main
from harness.servers import PROJECT
from tests.support.mixed_folder import fill

PART_SIZE = 2
PARTS = 15

_WAIT_SECONDS = 120.0


class Command:
    """``python -m batch`` for the photographs, with one process."""

    def __init__(self, photographs: Path, model: Path, output: str = "rows.parquet") -> None:
        self.output = photographs.with_name(output)
        self.unfinished = self.output.with_name(f"{output}.unfinished")
        self._arguments = [
            *(sys.executable, "-m", "batch", str(photographs), "--output", str(self.output)),
            *("--model", str(model), "--part-size", str(PART_SIZE)),
        ]

    def start(self, *, file_bytes: int = resource.RLIM_INFINITY) -> subprocess.Popen[str]:
        """Start it; as if the disk were full when a file has so many bytes."""
        environment = {**os.environ, "CLASSIFIER_DEVICE": "cpu", "CLASSIFIER_WORKERS": "1"}
        if file_bytes != resource.RLIM_INFINITY:
            # Python 3.11 keeps a .pyc of which it could write only the beginning.
            environment["PYTHONDONTWRITEBYTECODE"] = "1"
        process = subprocess.Popen(
            self._arguments,
            cwd=PROJECT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
        return process

    def run(self, *, file_bytes: int = resource.RLIM_INFINITY) -> tuple[int, str, str]:
        """Run it to its end: exit status, output, errors."""
        return finished(self.start(file_bytes=file_bytes))

    def parts(self) -> dict[str, int]:
        """Names of the parts that are done, and when each was saved."""
        return {path.name: path.stat().st_mtime_ns for path in self.unfinished.glob("0*.parquet")}


@pytest.fixture
def command(photographs: Path, model: Path) -> Command:
    return Command(photographs, model)


def finished(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit status, output, and errors without lines of progress, of a process that ends."""
    output, errors = process.communicate(timeout=_WAIT_SECONDS)
    lines = [line for line in errors.splitlines(keepends=True) if " images/s, " not in line]
    return process.returncode, output, "".join(lines)


def wait_until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + _WAIT_SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def kill(process: subprocess.Popen[str]) -> None:
    """As a loss of power: its processes, too."""
    for each in psutil.Process(process.pid).children(recursive=True):
        each.kill()
    process.kill()
    process.communicate()


def killed_at_three_places(command: Command) -> None:
    """Kill a run at its start, in the middle and while it writes its output; go on after each."""
    at_start = command.start()
    wait_until((command.unfinished / "inputs.jsonl").exists)
    kill(at_start)
    in_the_middle = command.start()
    wait_until(lambda: len(command.parts()) >= 4)
    kill(in_the_middle)
    done = command.parts()
    while_writing = command.start()
    wait_until(lambda: list(command.output.parent.glob(f".{command.output.name}.*")))
    kill(while_writing)
    assert not command.output.exists()
    assert command.parts() | done == command.parts()  # what was done was not done again


@pytest.mark.slow
def test_a_run_that_is_killed_at_any_place_goes_on_to_the_same_file(
    model: Path, tmp_path: Path
) -> None:
    expected = fill(tmp_path / "mixed", 64)
    whole = Command(tmp_path / "mixed", model, "whole.parquet")
    assert whole.run()[0] == 0
    rows = pq.read_table(whole.output)
    assert rows.column("path").to_pylist() == expected
    assert set(rows.column("error_code").to_pylist()) == {
        *(None, "body_too_large", "corrupt_image", "image_too_large"),
        *("unreadable", "unsupported_image"),
    }

    command = Command(tmp_path / "mixed", model)
    killed_at_three_places(command)
    assert command.run()[0] == 0
    assert command.output.read_bytes() == whole.output.read_bytes()
    assert not command.unfinished.exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_that_it_can_go_on(number: int, command: Command) -> None:
    process = command.start()
    wait_until(lambda: len(command.parts()) >= 2)
    process.send_signal(number)
    interrupted = "interrupted: what was done is kept, the same command goes on from there\n"
    assert finished(process) == (130, "", interrupted)
    assert command.run()[0] == 0


@pytest.mark.slow
def test_a_full_disk_loses_nothing(photographs: Path, model: Path) -> None:
    command = Command(photographs, model, "rows.jsonl")
    again = "what was done is kept, the same command goes on from there"
    full = f"File too large; {again}\n"
    # Too few bytes for a part, then enough for that but not for all rows together.
    assert command.run(file_bytes=4000) == (1, "", f"error: {full}")
    assert command.parts() == {}
    assert command.run(file_bytes=10_000) == (
        1,
        "",
        f"error: {command.output} cannot be written: {full}",
    )
    assert len(command.parts()) == PARTS
    assert not command.output.exists()
    assert command.run() == (0, f"{command.output}: 30 photographs\n", "")


@pytest.mark.parametrize(
    ("option", "values"),
    [("--shard", ("3/3", "-1/3", "1", "a/b")), ("--threshold", ("-0.1", "1.1", "nan", "high"))],
)
def test_a_value_that_is_none_is_refused(
    option: str, values: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    for value in values:
        with pytest.raises(SystemExit):
            main(["photographs", "--output", "rows.parquet", f"{option}={value}"])
        assert f"argument {option}: " in capsys.readouterr().err


def test_a_folder_that_is_no_models_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.png").touch()
    output = ["--output", str(tmp_path / "rows.csv")]
    assert main([str(tmp_path), *output, "--model", str(tmp_path)]) == 1
    assert capsys.readouterr().err == (
        f"error: {tmp_path} is no model's folder: it has no spec.json\n"
    )


def test_what_cannot_be_done_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path), "--output", str(tmp_path / "rows.txt")]) == 1
    errors = capsys.readouterr().err
    assert errors == f"error: {tmp_path}/rows.txt ends with none of .parquet, .csv, .jsonl\n"
    for option in ("--output", "--contact-sheet"):
        output = ["--output", str(tmp_path / "rows.csv")]
        assert main([str(tmp_path), *output, option, str(tmp_path / "gone/rows.csv")]) == 1
        errors = capsys.readouterr().err
        gone = f"{tmp_path}/gone/rows.csv cannot be written: No such file or directory"
        assert errors == f"error: {gone}\n"
