from pathlib import Path

import bentoml
import numpy as np
import pytest

import inference.sessions.session
from conversion import store
from conversion.errors import ConversionError
from conversion.outputs.storing import store_calibrated, store_reference, tempered
from errors import StartupError
from harness import toys
from inference import open_session
from inference.answers.drift import reference_of
from inference.explanation.activations import ActivationSession
from inference.sessions.openvino_session import openvino_version
from model_spec import ModelSpec, Precision
from settings import Device
from tests.conversion.gate.test_gate import GOOD

REFERENCE = reference_of([(0, 0.95), (2, 0.85)])

pytestmark = pytest.mark.usefixtures("model_store")


@pytest.fixture
def stored(tmp_path: Path) -> str:
    """The tag of the toy that ends with softmax."""
    return store.save(tmp_path, toys.write_softmax_toy(tmp_path), "of-the-toy")


def answers(tag: str) -> tuple[ModelSpec, np.ndarray]:
    session = open_session(store.folder_of(tag), Device.CPU, intra_op_threads=1)
    probabilities = session.run(np.stack([toys.pixels(toys.RED), toys.pixels(toys.BLACK)]))
    return session.spec, probabilities


def test_the_new_model_divides_its_logits(stored: str) -> None:
    before, plain = answers(stored)
    tag = store_calibrated(stored, 2.0, ())
    after, found = answers(tag)

    assert tag != stored
    assert after.temperature == 2.0
    np.testing.assert_allclose(found, tempered(plain, 2.0), atol=1e-6)
    root = np.sqrt([toys.HIGH, toys.LOW, toys.LOW])
    np.testing.assert_allclose(found[0], root / root.sum(), rtol=1e-4)
    # Its golden answer is the new one, and all else is as it was.
    same = {"temperature", "files", "golden"}
    assert after.model_dump(exclude=same) == before.model_dump(exclude=same)
    assert after.golden.class_id == before.golden.class_id
    assert answers(stored)[0] == before


def test_a_second_temperature_is_beside_the_first(stored: str) -> None:
    twice = store_calibrated(store_calibrated(stored, 2.0, ()), 1.5, ())
    spec, found = answers(twice)
    assert spec.temperature == 3.0
    np.testing.assert_allclose(found, tempered(answers(stored)[1], 3.0), atol=1e-6)


def test_thresholds_are_kept_unless_there_are_new_ones(stored: str) -> None:
    first = store_calibrated(stored, 1.1, (0.7,))
    assert answers(first)[0].thresholds == (0.7,)
    assert answers(store_calibrated(first, 1.1, ()))[0].thresholds == (0.7,)
    assert answers(store_calibrated(first, 1.1, (0.8,)))[0].thresholds == (0.8,)


def test_it_is_another_request_than_the_conversion(stored: str) -> None:
    tag = store_calibrated(stored, 1.2, ())
    assert store.find("of-the-toy") == stored
    assert store.fingerprint_of(tag) != "of-the-toy"
    assert str(bentoml.models.get("image_classifier:latest").tag) == tag


def test_a_reference_makes_another_model_of_the_same_files(stored: str) -> None:
    tag = store_reference(stored, REFERENCE)
    before, after = (ModelSpec.load(store.folder_of(each)) for each in (stored, tag))
    assert tag != stored
    assert after == before.model_copy(update={"reference": REFERENCE})
    assert (store.find("of-the-toy"), store.newest()) == (stored, tag)
    assert store.fingerprint_of(tag) != "of-the-toy"
    assert store_reference(tag, REFERENCE) == tag


def test_a_reference_is_of_the_confidences_that_the_model_has(stored: str) -> None:
    both = store_reference(store_calibrated(stored, 2.0, ()), REFERENCE)
    spec = ModelSpec.load(store.folder_of(both))
    assert (spec.temperature, spec.reference) == (2.0, REFERENCE)
    dropped = store_calibrated(store_reference(stored, REFERENCE), 2.0, ())
    spec = ModelSpec.load(store.folder_of(dropped))
    assert (spec.temperature, spec.reference) == (2.0, None)
    assert store.fingerprint_of(both) != store.fingerprint_of(dropped)


def test_explanations_go_with_the_model(tmp_path: Path) -> None:
    tag = store.save(tmp_path, toys.write_mapped_toy(tmp_path), "of-the-mapped-toy")
    for each in (store_calibrated(tag, 2.0, ()), store_reference(tag, REFERENCE)):
        folder = store.folder_of(each)
        assert ModelSpec.load(folder).explanation == ModelSpec.load(tmp_path).explanation
        found = ActivationSession.open(folder, intra_op_threads=1).run(toys.pixels(toys.RED))
        np.testing.assert_allclose(found.sums, found.logits, atol=1e-5)


@pytest.mark.slow
@pytest.mark.skipif(openvino_version() is None, reason="OpenVINO is not installed")
def test_a_bf16_model_gets_its_golden_answer_from_the_device_it_was_made_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse_others(device: Device) -> None:
        if device is not Device.OPENVINO:
            raise StartupError(f"a bf16 model needs OpenVINO, not {device.value}")

    # Where the processor has no bfloat16, OpenVINO computes in float32.
    monkeypatch.setattr(inference.sessions.session, "require_bf16", refuse_others)
    made_for = GOOD.model_copy(update={"device": Device.OPENVINO.value})
    lower = {"precision": Precision.BF16, "comparison": made_for}
    spec = toys.write_softmax_toy(tmp_path).model_copy(update=lower)
    tag = store_calibrated(store.save(tmp_path, spec, "of-a-bf16-toy"), 2.0, ())
    found = ModelSpec.load(store.folder_of(tag))
    root = np.sqrt([toys.HIGH, toys.LOW, toys.LOW])
    assert (found.precision, found.temperature) == (Precision.BF16, 2.0)
    assert found.golden.confidence == pytest.approx(root[0] / root.sum(), abs=0.01)


def test_a_graph_that_ends_otherwise_is_refused(tmp_path: Path) -> None:
    spec = toys.write_toy_model(tmp_path)
    tag = store.save(tmp_path, spec.model_copy(update={"thresholds": (0.1,)}), "of-another")
    with pytest.raises(ConversionError, match="does not end with softmax or sigmoid"):
        store_calibrated(tag, 2.0, ())


def test_powers_of_probabilities_are_quotients_of_logits() -> None:
    logits = np.array([[0.0, 1.0, 3.0]])
    plain, divided = np.exp(logits), np.exp(logits / 0.7)
    np.testing.assert_allclose(
        tempered((plain / plain.sum()).astype(np.float32), 0.7), divided / divided.sum(), rtol=1e-5
    )
