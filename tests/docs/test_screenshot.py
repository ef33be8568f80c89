"""The script that photographs the page."""

import os
import signal
import subprocess
import sys
import time
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

from docs.screenshot import main
from harness.servers import PROJECT, Server, free_port
from interrupts import INTERRUPTED
from tests.support.apps import served
from tests.support.tools import program

pytestmark = pytest.mark.slow

MAX_BYTES = 400_000


def test_the_page_is_photographed(default_server: Server, tmp_path: Path) -> None:
    program("chromium", "chromium")
    output = tmp_path / "page.png"
    main([default_server.url, "--output", str(output)])
    picture = Image.open(BytesIO(output.read_bytes()))
    assert (picture.format, picture.width) == ("PNG", 1100)
    assert len(output.read_bytes()) < MAX_BYTES


def test_a_picture_that_cannot_be_written_is_refused_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["http://127.0.0.1:1", "--output", str(tmp_path / "nowhere" / "page.png")])
    assert "page.png cannot be written: No such file or directory" in capsys.readouterr().err


def test_a_service_that_is_not_there_is_said_in_a_line(tmp_path: Path) -> None:
    program("chromium", "chromium")
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(SystemExit, match=r"^error: .*ERR_CONNECTION_REFUSED") as ended:
        main([url, "--output", str(tmp_path / "page.png")])
    assert "\n" not in str(ended.value)
    assert not list(tmp_path.iterdir())


def test_ctrl_c_leaves_no_files(tmp_path: Path) -> None:
    program("chromium", "chromium")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    command = [sys.executable, "-m", "docs.screenshot", "--output", str(tmp_path / "page.png")]
    endless = Starlette(routes=[Route("/", lambda _: HTMLResponse("<input type=file id=files>"))])
    with (
        served(endless) as url,
        subprocess.Popen(
            [*command, url],
            cwd=PROJECT,
            env={**os.environ, "TMPDIR": str(temporary)},
            stderr=subprocess.PIPE,
            start_new_session=True,
        ) as process,
    ):
        while not list(temporary.rglob("org.chromium.*")):
            assert process.poll() is None
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        assert process.communicate(timeout=60)[1] == b"interrupted\n"
    assert process.returncode == INTERRUPTED
    assert list(temporary.iterdir()) == []
