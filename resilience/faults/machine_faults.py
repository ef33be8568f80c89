"""Faults of the machine: the model's files, disk, descriptors and clock."""

import contextlib
import email.utils
import errno
import itertools
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import httpx

from harness.servers import BENTOML, running, toy_home
from resilience.faults.scene import TWO_WORKERS, Row, Scene, under_load
from resilience.processes import health, until

DESCRIPTORS = 128
IDLE_CONNECTIONS = 400
_HELD_SECONDS = 3.0
_RECOVER_SECONDS = 10.0

_DISK = "16m"
_PATHS = ("/classify", "/classify_batch", "/health", "/livez", "/readyz", "/unknown")
_CLOCK_SOURCE = Path(__file__).with_name("clock.c")
_CLOCK_SETTLES = 2.0


def delete_model(folder: Path) -> Row:
    """``model.onnx`` is deleted: nothing while it runs, refused at a restart."""
    return _change_model(folder, Path.unlink, "cannot read the model")


def corrupt_model(folder: Path) -> Row:
    """``model.onnx`` is overwritten in place: nothing while it runs, refused at a restart."""
    return _change_model(
        folder,
        lambda path: path.write_bytes(os.urandom(path.stat().st_size)),
        "is not the file that was converted",
    )


def fill_disk(folder: Path) -> Row:
    """No room is left where temporary files and BentoML's are: it answers all the same."""
    try:
        with _small_disk(folder / "disk") as disk:
            temporary = disk / "tmp"
            temporary.mkdir()
            home = toy_home(disk)
            with under_load(folder, {"TMPDIR": str(temporary)}, home=home) as scene:
                _fill(disk / "filling")
                _ask_for_everything(scene.server.url)
                scene.undisturbed()
                scene.expect_same_workers()
                scene.expect(health(scene.server) == 200, "not healthy")
            return scene.row
    except subprocess.CalledProcessError as error:
        return Row(skipped=f"no tmpfs can be mounted: {error.stderr.strip()}")


def exhaust_descriptors(folder: Path) -> Row:
    """Idle connections take every descriptor that they may: when they are closed, it answers again.

    The service leaves a quarter to files.
    """
    with _limited_bentoml(folder), under_load(folder) as scene:
        with contextlib.ExitStack() as idle:
            _connect(scene.server.url, idle)
            time.sleep(_HELD_SECONDS)
            fullest = max(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in scene.before)
        most = DESCRIPTORS * 3 // 4
        scene.expect(fullest >= most - 8, f"only {fullest} descriptors were in use")
        scene.row.recovery = until(
            lambda: health(scene.server) == 200, _RECOVER_SECONDS, "it answers again"
        )
        scene.undisturbed()
        scene.expect_same_workers()
    return scene.row


def step_clock(folder: Path) -> Row:
    """The clock is put forward and back by an hour: nobody notices."""
    compiler = shutil.which("cc")
    if compiler is None:
        return Row(skipped="no C compiler for clock.c")
    offset = folder / "offset"
    _put_clock(offset, 0)
    with under_load(folder, _preload(compiler, folder, offset)) as scene:
        for hours in (1, -1):
            _put_clock(offset, hours)
            time.sleep(_CLOCK_SETTLES)
            _expect_clock(scene, hours)
            scene.undisturbed()
            scene.expect(health(scene.server) == 200, f"not healthy after {hours:+d} h")
        scene.expect_lost(set())
        scene.expect_same_workers()
    return scene.row


def _change_model(folder: Path, change: Callable[[Path], object], refusal: str) -> Row:
    with under_load(folder) as scene:
        change(scene.home / "models/image_classifier/toy/model.onnx")
        scene.undisturbed()
        scene.expect_lost(set())
        scene.expect_same_workers()
        scene.load.stop()
        _expect_refusal(scene, folder, refusal)
    return scene.row


def _expect_refusal(scene: Scene, folder: Path, refusal: str) -> None:
    again = folder / "again"
    again.mkdir()
    with running(scene.home, again, TWO_WORKERS, wait=False) as server:
        status = server.process.wait(timeout=60)
        lines = server.log.strip().splitlines()
    one_line = len(lines) == 1 and lines[0].startswith("error: ") and refusal in lines[0]
    scene.expect(status == 1 and one_line, f"refused with status {status}: {lines}")


@contextlib.contextmanager
def _small_disk(folder: Path) -> Iterator[Path]:
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "tmpfs", str(folder)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise


def _ask_for_everything(url: str) -> None:
    """Requests of every kind: each new kind adds to the files of the metrics."""
    kinds = itertools.product(("GET", "POST", "PUT"), _PATHS, (b"", b"no image"))
    with (
        contextlib.suppress(httpx.TransportError),
        httpx.Client(base_url=url, timeout=5, trust_env=False) as client,
    ):
        for method, path, content in kinds:
            client.request(method, path, content=content)


@contextlib.contextmanager
def _limited_bentoml(folder: Path) -> Iterator[None]:
    script = folder / "bentoml"
    script.write_text(f'#!/bin/bash\nulimit -n {DESCRIPTORS}\nexec {BENTOML} "$@"\n')
    script.chmod(0o755)
    with mock.patch("harness.servers.BENTOML", str(script)):
        yield


def _connect(url: str, idle: contextlib.ExitStack) -> None:
    port = int(url.rpartition(":")[2])
    for _ in range(IDLE_CONNECTIONS):
        with contextlib.suppress(OSError):
            idle.enter_context(socket.create_connection(("127.0.0.1", port), timeout=1))


def _preload(compiler: str, folder: Path, offset: Path) -> dict[str, str]:
    """Variables that shift a process's clock by the seconds in a file."""
    library = folder / "clock.so"
    command = [compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(_CLOCK_SOURCE)]
    subprocess.run(command, check=True)
    return {"LD_PRELOAD": str(library), "CLOCK_OFFSET": str(offset)}


def _put_clock(offset: Path, hours: int) -> None:
    """Replace the file in one step: a reader must never find it empty."""
    new = offset.with_suffix(".new")
    new.write_text(str(hours * 3600))
    new.replace(offset)


def _expect_clock(scene: Scene, hours: int) -> None:
    """Expect that the server's ``Date`` is off by so many hours: it has seen the step."""
    response = httpx.get(scene.server.url + "/livez", trust_env=False)
    shown = email.utils.parsedate_to_datetime(response.headers["date"]).timestamp()
    step = (shown - time.time()) / 3600
    scene.expect(abs(step - hours) < 0.1, f"the server's clock is {step:+.2f} h off, not {hours}")
