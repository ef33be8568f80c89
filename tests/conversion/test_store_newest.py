"""Which model is the newest: the one that was asked for last."""

import shutil
from pathlib import Path

import bentoml
import pytest

from conversion import store
from conversion.photographs import GOLDEN
from harness.servers import environment, toy_home
from harness.toys import LABELS
from model_spec import ModelSpec
from tests.conversion.converted import FINGERPRINT, OTHER
from tests.support.commands import make
from tests.support.refusals import refusal

pytestmark = pytest.mark.usefixtures("empty_store")


def test_the_model_asked_for_last_is_told(
    toy_spec: ModelSpec, unsaved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert store.main([]) == 1
    first = store.save(unsaved, toy_spec, FINGERPRINT)
    other = toy_spec.model_copy(update={"architecture": "other"})
    second = store.save(unsaved, other, OTHER)
    assert [store.main([]), store.main([first]), store.main([])] == [0, 0, 0]
    assert capsys.readouterr().out.split() == [second, first, first]
    assert str(bentoml.models.get("image_classifier:latest").tag) == first


def test_a_model_that_is_not_there_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert store.main(["image_classifier:unknown"]) == 1
    assert capsys.readouterr().err == (
        "error: no model image_classifier:unknown in the model store; "
        "those there are: bentoml models list\n"
    )


def test_the_newest_model_is_not_written_again(
    unsaved: Path, toy_spec: ModelSpec, model_store: Path
) -> None:
    tag = store.save(unsaved, toy_spec, FINGERPRINT)
    latest = model_store / "models" / "image_classifier" / "latest"
    before = latest.stat().st_mtime_ns
    store.make_newest(tag)
    assert latest.stat().st_mtime_ns == before
    latest.unlink()
    store.make_newest(tag)
    assert latest.read_text() == tag.partition(":")[2]


def test_a_newest_model_that_cannot_be_named_is_refused(
    unsaved: Path, toy_spec: ModelSpec, model_store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tag = store.save(unsaved, toy_spec, FINGERPRINT)
    latest = model_store / "models" / "image_classifier" / "latest"
    latest.unlink()
    latest.mkdir()
    message = (
        f"the model store {model_store / 'models'} cannot be written (Is a directory); "
        "BENTOML_HOME names its parent folder"
    )
    assert refusal(store.make_newest, tag) == message
    assert store.main([tag]) == 1
    assert capsys.readouterr() == ("", f"error: {message}\n")
    latest.rmdir()


@pytest.mark.slow
def test_make_bento_packs_the_model_asked_for_last_and_says_that_it_is_not_the_default(
    tmp_path: Path,
) -> None:
    done = make("bento", variables=environment(toy_home(tmp_path), tmp_path, {}))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(
        "packing image_classifier:toy\n"
        "not the default, efficientnet_lite0; for that: make bento MODEL=efficientnet_lite0\n"
    )
    (packed,) = (tmp_path / "home/bentos/image_classifier").glob("*/bento.yaml")
    assert "tag: image_classifier:toy\n" in packed.read_text()


@pytest.mark.slow
def test_make_evaluate_takes_the_model_asked_for_last_and_says_which(tmp_path: Path) -> None:
    folder = tmp_path / "photographs" / LABELS[0]
    folder.mkdir(parents=True)
    shutil.copy(GOLDEN, folder)
    variables = environment(toy_home(tmp_path), tmp_path, {})
    done = make("evaluate", f"PHOTOGRAPHS={folder.parent}", variables=variables)
    assert done.stderr.startswith("with image_classifier:toy\n")
    assert "\nimage_classifier:toy on cpu\n" in done.stdout
