"""What is said of a tag, by the module that `make serve` asks and by `make serve` itself."""

from pathlib import Path

import pytest

from harness.servers import environment, free_port, toy_home
from serving.workers.command import status_of
from serving.workers.model_store import stored_model
from tests.support.commands import make

MISSING = (
    "error: no model image_classifier:unknown in the model store; make one with: "
    "python -m conversion.convert_to_onnx --architecture efficientnet_lite0\n"
)


def test_a_malformed_tag_is_named_in_the_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(stored_model, ["image:a:b"]) == 1
    assert capsys.readouterr().err == (
        "error: image:a:b is no tag of one model: Invalid Tag image:a:b\n"
    )


@pytest.mark.slow
def test_make_serve_refuses_an_unknown_tag_before_it_says_that_it_serves(tmp_path: Path) -> None:
    asked = ("serve", "MODEL=image_classifier:unknown", f"PORT={free_port()}")
    done = make(*asked, variables=environment(toy_home(tmp_path), tmp_path, {}))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(MISSING + "make: ***")
    assert len(done.stderr.splitlines()) == 2
