"""What is said of a tag, by the module that `make serve` asks and by `make serve` itself."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import PROJECT, environment, free_port, toy_home

MISSING = (
    "error: no model image_classifier:unknown in the model store; make one with: "
    "python -m conversion.convert_to_onnx --architecture efficientnet_lite0\n"
)


def said(home: Path, folder: Path, *command: str) -> tuple[int, str]:
    done = subprocess.run(
        command,
        cwd=PROJECT,
        env=environment(home, folder, {}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("tag", "status", "text"),
    [
        ("image_classifier:toy", 0, ""),
        ("image_classifier:unknown", 1, MISSING),
        (
            "image:a:b",
            1,
            "error: image:a:b is no tag of one model: Invalid Tag image:a:b\n",
        ),
    ],
)
def test_what_is_said_of_a_tag(tmp_path: Path, tag: str, status: int, text: str) -> None:
    command = (sys.executable, "-m", "serving.stored", tag)
    assert said(toy_home(tmp_path), tmp_path, *command) == (status, text)


def test_make_serve_refuses_an_unknown_tag_before_it_says_that_it_serves(tmp_path: Path) -> None:
    # As if everything was installed: this is no place to install it.
    command = ("make", "-o", ".venv/bin/.serving", "serve", "MODEL=image_classifier:unknown")
    status, text = said(toy_home(tmp_path), tmp_path, *command, f"PORT={free_port()}")
    assert status == 2
    assert text.startswith(MISSING + "make: ***")
    assert len(text.splitlines()) == 2
