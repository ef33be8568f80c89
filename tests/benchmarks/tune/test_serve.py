"""`make serve` reads the settings file: shown by values that the service refuses to start with."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from harness.servers import environment, free_port, toy_home
from tests.support.commands import make

TOY = "image_classifier:toy"
SAID = "with the settings of"
REFUSED = "CLASSIFIER_WORKERS={}: Input should be greater than 0"


def serve(folder: Path, tuned: Path, settings: Mapping[str, str], *given: str) -> str:
    asked = ["serve", f"PORT={free_port()}", f"TUNED={tuned}", *(given or [f"MODEL={TOY}"])]
    done = make(*asked, variables=environment(toy_home(folder), folder, settings))
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


@pytest.mark.slow
def test_the_tuned_model_stands_in_for_the_one_that_it_was_tuned_for(tmp_path: Path) -> None:
    tuned = tmp_path / "tuned.env"
    lines = ("# measured", f"TUNED_FOR={TOY}", "TUNED_MODEL=image_classifier:gone")
    tuned.write_text("\n".join(lines) + "\n")
    # In place of a conversion.
    output = serve(tmp_path, tuned, {}, f"CONVERT=echo {TOY}")
    assert "instead, as tuned: image_classifier:gone" in output
    assert "no model image_classifier:gone in the model store" in output


@pytest.mark.slow
def test_a_model_that_is_asked_for_by_its_tag_is_served_itself(tmp_path: Path) -> None:
    tuned = tmp_path / "tuned.env"
    lines = (f"TUNED_FOR={TOY}", "TUNED_MODEL=image_classifier:gone", "CLASSIFIER_WORKERS=0")
    tuned.write_text("\n".join(lines) + "\n")
    output = serve(tmp_path, tuned, {})
    assert "instead" not in output
    assert REFUSED.format("0") in output
