import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

import inference.sessions.session
from conversion.quantization.variant import LEAST_COSINE, complete, write
from inference import open_session
from inference.explanation.activations import ActivationSession
from inference.sessions.openvino_session import openvino_version
from model_spec import EXPLANATION_FILE, ONNX_FILE, ClassActivation, ModelSpec, Precision
from settings import Device
from tests.conversion.brightness import GREYS, change_weights

needs_openvino = pytest.mark.skipif(openvino_version() is None, reason="OpenVINO is not installed")


def completed(
    folder: Path, fp32: Path, precision: Precision = Precision.INT8, device: Device = Device.CPU
) -> ModelSpec:
    write(folder, fp32, precision, device)
    complete(folder, fp32, device)
    return ModelSpec.load(folder)


def class_activation(spec: ModelSpec) -> ClassActivation:
    assert spec.explanation.reason is None
    assert spec.explanation.class_activation is not None
    return spec.explanation.class_activation


def change_output(folder: Path, name: str) -> None:
    """Take an output away."""
    proto = onnx.load(folder / ONNX_FILE)
    kept = [each for each in proto.graph.output if each.name != name]
    del proto.graph.output[:]
    proto.graph.output.extend(kept)
    onnx.save(proto, folder / ONNX_FILE)


@pytest.mark.slow
def test_the_maps_of_an_int8_graph_are_its_own(int8: Path, fp32: Path) -> None:
    spec = completed(int8, fp32)
    assert class_activation(spec).limit == 0.05
    maps = ActivationSession.open(int8, intra_op_threads=1).run(GREYS[10])
    answer = open_session(int8, Device.CPU, intra_op_threads=1).run(GREYS[10:11])[0]
    assert maps.probabilities.tolist() == answer.tolist()
    assert maps.sums == pytest.approx(maps.logits, abs=0.05 * float(np.abs(maps.logits).max()))


@pytest.mark.slow
def test_the_embedding_of_an_int8_graph_agrees_with_fp32(int8: Path, fp32: Path) -> None:
    assert completed(int8, fp32).embedding == ModelSpec.load(fp32).embedding
    embeddings = [
        open_session(each, Device.CPU, intra_op_threads=1).run_with_embeddings(GREYS[:40])[1]
        for each in (int8, fp32)
    ]
    assert embeddings[0] == pytest.approx(embeddings[1], abs=0.02)


@pytest.mark.slow
def test_an_embedding_that_is_all_zeros_is_not_kept(
    int8: Path, fp32: Path, caplog: pytest.LogCaptureFixture
) -> None:
    change_weights(int8, 0.0)
    with caplog.at_level("INFO", "image_classifier.conversion"):
        assert completed(int8, fp32).embedding is None
    cosine = "its cosine with that of fp32 is 0.000 or more"
    assert f"embedding: none; {cosine}, limit {LEAST_COSINE}" in caplog.text


@pytest.mark.slow
def test_an_embedding_that_the_graph_does_not_give_is_not_kept(
    int8: Path, fp32: Path, caplog: pytest.LogCaptureFixture
) -> None:
    change_output(int8, str(ModelSpec.load(fp32).embedding))
    with caplog.at_level("INFO", "image_classifier.conversion"):
        assert completed(int8, fp32).embedding is None
    assert "embedding: none, since the graph does not give it" in caplog.text


@needs_openvino
@pytest.mark.slow
def test_a_bf16_model_has_the_maps_of_the_fp32_graph(
    fp32: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where the processor has no bfloat16, OpenVINO computes in float32.
    monkeypatch.setattr(inference.sessions.session, "require_bf16", lambda _: None)
    shutil.copy(fp32 / ONNX_FILE, tmp_path)
    spec = completed(tmp_path, fp32, Precision.BF16, Device.OPENVINO)
    assert spec.precision is Precision.BF16
    assert class_activation(spec).limit == 1e-4
    assert (tmp_path / EXPLANATION_FILE).read_bytes() == (fp32 / EXPLANATION_FILE).read_bytes()
    assert spec.embedding == ModelSpec.load(fp32).embedding
