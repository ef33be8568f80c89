"""Every client in examples/ against a live server that wants a key."""

import base64
import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from harness.servers import PROJECT, Server
from harness.toys import BLUE, GREEN, RED, encoded
from tests.examples.conftest import KEY, MAX_PENDING
from tests.support.tools import program

pytestmark = pytest.mark.slow

CURL = ("bash", "examples/curl.sh")
SYNC = (sys.executable, "examples/bentoml_sync.py")
ASYNC = (sys.executable, "examples/bentoml_async.py")
HTTPX = (sys.executable, "examples/plain_httpx.py")
NODE = ("node", "examples/node.mjs")


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    """Red, green, blue and one that is none."""
    contents = {
        "red": encoded(RED),
        "green": encoded(GREEN),
        "blue": encoded(BLUE),
        "none": b"hello",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return [tmp_path / name for name in contents]


def started(
    command: tuple[str, ...], server: Server, *images: Path, key: str = KEY
) -> "subprocess.Popen[str]":
    if command is NODE:
        program("node", "nodejs")
    return subprocess.Popen(
        [*command, server.url, *map(str, images)],
        cwd=PROJECT,
        env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "CLASSIFIER_API_KEY": key},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def outcome(process: "subprocess.Popen[str]") -> tuple[int, str]:
    output, _ = process.communicate(timeout=60)
    return process.returncode, output


def test_curl(server: Server, images: list[Path]) -> None:
    status, output = outcome(started(CURL, server, images[0]))
    assert status == 0
    answer = json.loads(output)
    assert answer["label"] == "red"
    assert len(answer["predictions"]) == 3


@pytest.mark.parametrize("command", [HTTPX, NODE])
def test_one_image(server: Server, images: list[Path], command: tuple[str, ...]) -> None:
    red = images[0]
    assert outcome(started(command, server, red)) == (
        0,
        f"{red}: red 0.992\n{red}: green 0.004\n{red}: blue 0.004\n",
    )


def test_several_images_one_after_the_other(server: Server, images: list[Path]) -> None:
    red, green, _, none = images
    status, output = outcome(started(SYNC, server, red, green, none))
    assert status == 1
    *lines, error = output.splitlines()
    assert lines == [f"{red}: red 0.992", f"{green}: green 0.992"]
    assert json.loads(error.removeprefix(f"{none}: "))["error"]["code"] == "unsupported_image"


def test_many_images_concurrently(server: Server, images: list[Path]) -> None:
    *colours, none = images
    status, output = outcome(started(ASYNC, server, *colours * 4, none))
    assert status == 0
    lines = sorted(output.splitlines())
    errors = [line for line in lines if '"unsupported_image"' in line]
    assert [line.partition(": ")[0] for line in errors] == [str(none)]
    answers = sorted(f"{colour}: {colour.name} 0.992" for colour in colours * 4)
    assert [line for line in lines if line not in errors] == answers


@pytest.mark.parametrize("command", [CURL, HTTPX, NODE])
def test_a_wrong_key(server: Server, images: list[Path], command: tuple[str, ...]) -> None:
    status, output = outcome(started(command, server, images[0], key="wrong"))
    assert status != 0
    assert "unauthorized" in output
    assert "Traceback" not in output


@pytest.mark.parametrize("command", [HTTPX, NODE])
def test_errors_are_read_from_the_envelope(
    server: Server, images: list[Path], command: tuple[str, ...]
) -> None:
    status, output = outcome(started(command, server, images[-1]))
    assert status == 1
    begin, request_id = output.strip().removesuffix(")").rsplit(" (", 1)
    assert begin.startswith(
        f"{images[-1]}: 415 unsupported_image: not an image in a supported format (AVIF, GIF, "
    )
    assert "POST /classify 415 " in server.log
    assert request_id in server.log


@pytest.mark.parametrize("command", [CURL, HTTPX, NODE])
def test_an_overloaded_service_is_asked_again(
    server: Server, images: list[Path], command: tuple[str, ...]
) -> None:
    for _ in range(20):  # a request may slip in between two batches
        with occupied(server):
            refusals = server.log.count("POST /classify 503 ")
            process = started(command, server, images[0])
            while process.poll() is None and server.log.count("POST /classify 503 ") == refusals:
                time.sleep(0.01)
        status, output = outcome(process)
        if " 503 overloaded: " in output:  # the log was read later than it was patient
            continue
        assert "red" in output
        assert '"error"' not in output
        assert status == 0
        if server.log.count("POST /classify 503 ") > refusals:
            return
    raise AssertionError("was never refused")


@contextlib.contextmanager
def occupied(server: Server) -> Iterator[None]:
    """As many images as may wait do wait, all the time."""
    stop = threading.Event()
    batch = {"images": [base64.b64encode(encoded(RED)).decode()] * MAX_PENDING}

    def occupy() -> None:
        with httpx.Client(base_url=server.url, headers={"x-api-key": KEY}) as client:
            while not stop.is_set():
                client.post("/classify_batch", json=batch)

    threads = [threading.Thread(target=occupy) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        while "/classify_batch 503 " not in server.log:
            time.sleep(0.01)
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
