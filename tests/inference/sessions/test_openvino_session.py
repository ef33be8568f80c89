import os
import sys
from pathlib import Path

import numpy as np
import pytest

from errors import StartupError
from harness.toys import BLUE, GREEN, HIGH, LOW, RED, pixels
from inference import check_device, open_session
from inference.sessions.openvino_session import OpenVinoSession, openvino_version
from model_spec import ModelSpec
from settings import Device
from tests.inference.sessions.test_session import BATCH, EXPECTED, needs_openvino
from tests.support.commands import python


def opened(folder: Path, threads: int = 1) -> OpenVinoSession:
    session = open_session(folder, Device.OPENVINO, intra_op_threads=threads)
    assert isinstance(session, OpenVinoSession)
    return session


@needs_openvino
def test_the_toy_answers_as_worked_out_by_hand(toy_folder: Path) -> None:
    session = opened(toy_folder)

    for size in (4, 1, 3, 4):
        probabilities = session.run(BATCH[:size])
        assert probabilities.dtype == np.float32
        assert probabilities == pytest.approx(EXPECTED[:size], abs=1e-5)


@needs_openvino
def test_the_answers_of_one_run_are_not_those_of_the_next(toy_folder: Path) -> None:
    session = opened(toy_folder)
    red = session.run(pixels(RED)[None])
    session.run(pixels(BLUE)[None])
    assert red == pytest.approx(np.array([[HIGH, LOW, LOW]]), abs=1e-5)


@needs_openvino
def test_embeddings_come_with_the_probabilities(toy_folder: Path) -> None:
    session = opened(toy_folder)
    probabilities, embeddings = session.run_with_embeddings(np.stack([pixels(RED), pixels(BLUE)]))
    session.run_with_embeddings(pixels(GREEN)[None])

    assert embeddings.tolist() == [[255, 0, 0], [0, 0, 255]]
    assert probabilities == pytest.approx(np.array([[HIGH, LOW, LOW], [LOW, LOW, HIGH]]), abs=1e-5)


@needs_openvino
def test_the_session_is_what_it_says(toy_folder: Path, toy_spec: ModelSpec) -> None:
    session = opened(toy_folder)
    assert (session.device, session.device_id) == (Device.OPENVINO, None)
    assert session.providers == ("OpenVINO CPU",)
    assert session.spec == toy_spec


@needs_openvino
def test_it_computes_in_float32_in_its_own_threads_and_binds_none(toy_folder: Path) -> None:
    compiled = opened(toy_folder, threads=1)._compiled
    names = ("INFERENCE_NUM_THREADS", "NUM_STREAMS", "ENABLE_CPU_PINNING")
    assert [compiled.get_property(name) for name in names] == [1, 1, False]
    assert compiled.get_property("INFERENCE_PRECISION_HINT").to_string() == "f32"


def test_without_openvino_the_command_that_installs_it_is_named(
    toy_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)  # cannot be imported

    assert openvino_version() is None
    with pytest.raises(StartupError) as caught:
        check_device(toy_folder, Device.OPENVINO)
    message = str(caught.value)
    assert message.startswith("CLASSIFIER_DEVICE=openvino cannot be had: ")
    assert message.endswith("; install it with: pip install '.[openvino]'")


@needs_openvino
@pytest.mark.slow
def test_openvino_reports_nothing_to_its_makers(tmp_path: Path) -> None:
    ci = "CI", "TF_BUILD", "JENKINS_URL"  # where it would report nothing anyhow
    variables = {name: value for name, value in os.environ.items() if name not in ci}
    script = (
        "import sys; from inference.sessions.openvino_session import openvino_version; "
        "print(bool(openvino_version()), 'openvino_telemetry' in sys.modules)"
    )
    printed = python("-c", script, variables={**variables, "HOME": str(tmp_path)})
    assert printed == "True False\n"
    assert list(tmp_path.iterdir()) == []  # it would keep a number of this user's there
