"""`make serve` reads the settings file: shown by values that the service refuses to start with."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.servers import PROJECT, environment, free_port, toy_home

SAID = "with the settings of"
REFUSED = "CLASSIFIER_WORKERS={}: Input should be greater than 0"


def serve(folder: Path, tuned: Path, settings: Mapping[str, str]) -> str:
    # As if everything was installed: this is no place to install it.
    command = ("make", "-o", ".venv/bin/.serving", "serve", "MODEL=image_classifier:toy")
    done = subprocess.run(
        [*command, f"PORT={free_port()}", f"TUNED={tuned}"],
        cwd=PROJECT,
        env=environment(toy_home(folder), folder, settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("own", "refused"), [({}, "0"), ({"CLASSIFIER_WORKERS": "-1"}, "-1")])
def test_it_is_used_and_the_environment_wins(
    tmp_path: Path, own: dict[str, str], refused: str
) -> None:
    tuned = tmp_path / "tuned.env"
    tuned.write_text("# measured\nCLASSIFIER_WORKERS=0\n")
    output = serve(tmp_path, tuned, own)
    assert f"{SAID} {tuned}; those of the environment win" in output
    assert REFUSED.format(refused) in output
