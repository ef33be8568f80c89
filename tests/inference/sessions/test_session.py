import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from errors import StartupError
from harness.toys import BLACK, BLUE, GREEN, HIGH, LOW, RED, pixels
from inference import OnnxSession, check_device, open_session
from inference.hardware.gpu import count_gpus
from inference.sessions import session as session_module
from inference.sessions.openvino_session import openvino_version
from model_spec import ONNX_FILE, ModelSpec, Precision, sha256_of_file
from settings import Device

needs_openvino = pytest.mark.skipif(openvino_version() is None, reason="OpenVINO is not installed")
without_gpu = pytest.mark.skipif(count_gpus() > 0, reason="this machine has a GPU")

CPU, CUDA, TENSORRT = (f"{name}ExecutionProvider" for name in ("CPU", "CUDA", "Tensorrt"))

BATCH = np.stack([pixels(colour) for colour in (RED, GREEN, BLUE, BLACK)])
EXPECTED = np.array([[HIGH, LOW, LOW], [LOW, HIGH, LOW], [LOW, LOW, HIGH], [1 / 3] * 3], np.float32)

EXPLICIT = [(Device.CUDA, CUDA), (Device.TENSORRT, TENSORRT)]


def missing(provider: str) -> str:
    """What a machine without a GPU says, with and without the GPU build of ONNX Runtime."""
    if provider in onnxruntime.get_available_providers():
        return "the NVIDIA driver shows no GPU"
    return f"this build of ONNX Runtime has no {provider}"


def test_the_toy_answers_as_worked_out_by_hand(session: OnnxSession) -> None:
    probabilities = session.run(BATCH)

    assert probabilities.dtype == np.float32
    assert probabilities.tolist() == EXPECTED.tolist()


def test_on_the_cpu_the_session_is_what_it_says(session: OnnxSession, toy_spec: ModelSpec) -> None:
    assert (session.device, session.device_id) == (Device.CPU, None)
    assert session.providers == (CPU,) == tuple(session._session.get_providers())
    assert session.spec == toy_spec


def test_threads_are_those_that_were_asked_for(toy_folder: Path) -> None:
    session = open_session(toy_folder, Device.CPU, intra_op_threads=3)
    assert isinstance(session, OnnxSession)
    options = session._session.get_session_options()

    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (3, 1)


@without_gpu
def test_auto_means_the_cpu_where_there_is_no_gpu(
    toy_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    session = open_session(toy_folder, Device.AUTO, intra_op_threads=1)

    assert (session.device, session.device_id, session.providers) == (Device.CPU, None, (CPU,))
    assert caplog.records == []


@without_gpu
def test_auto_falls_back_to_the_cpu_with_one_warning_that_says_why(
    toy_folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A driver is there, but no GPU that ONNX Runtime could use.
    found = iter([1, 0])
    monkeypatch.setattr(session_module, "count_gpus", lambda: next(found))

    session = open_session(toy_folder, Device.AUTO, intra_op_threads=1)

    assert (session.device, session.device_id) == (Device.CPU, None)
    assert session.providers == (CPU,)
    assert caplog.record_tuples == [
        ("image_classifier.session", logging.WARNING, f"running on the CPU: {missing(CUDA)}")
    ]


def assert_cannot_be_had(folder: Path, device: Device, reason: str) -> None:
    with pytest.raises(StartupError) as caught:
        check_device(folder, device)
    assert str(caught.value) == f"CLASSIFIER_DEVICE={device.value} cannot be had: {reason}"


@without_gpu
@pytest.mark.parametrize(("device", "provider"), EXPLICIT)
def test_an_explicit_gpu_that_cannot_be_had_is_refused(
    device: Device, provider: str, toy_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert_cannot_be_had(toy_folder, device, missing(provider))
    assert caplog.records == []


@without_gpu
@pytest.mark.parametrize(
    ("device", "provider", "reason"),
    [
        # It goes on with the CPU, and says so in its log alone.
        (Device.CUDA, CUDA, f"ONNX Runtime offers only {CPU}; see its log above"),
        (Device.TENSORRT, TENSORRT, "Please install TensorRT libraries"),
    ],
)
def test_missing_libraries_are_no_reason_to_take_the_cpu(
    device: Device, provider: str, reason: str, toy_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if the driver were there.
    monkeypatch.setattr(session_module, "count_gpus", lambda: 1)
    if provider not in onnxruntime.get_available_providers():
        pytest.skip("this build of ONNX Runtime has no GPU")

    assert_cannot_be_had(toy_folder, device, reason)


@pytest.mark.parametrize(("device", "provider"), EXPLICIT)
def test_an_onnx_runtime_without_gpu_support_is_named(
    device: Device, provider: str, toy_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CPU])
    assert_cannot_be_had(toy_folder, device, f"this build of ONNX Runtime has no {provider}")


@pytest.mark.parametrize("device", [Device.CUDA, Device.TENSORRT])
def test_a_gpu_beyond_the_last_is_named(
    device: Device, toy_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "count_gpus", lambda: 2)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [TENSORRT, CUDA, CPU])

    with pytest.raises(StartupError, match=r"the NVIDIA driver shows 2 GPUs, index 2 wanted$"):
        open_session(toy_folder, device, intra_op_threads=1, device_id=2)


@pytest.mark.parametrize("device", [Device.CPU, Device.AUTO])
def test_a_damaged_model_is_refused(device: Device, toy_folder: Path) -> None:
    model = toy_folder / ONNX_FILE
    model.write_bytes(model.read_bytes()[:-1])

    with pytest.raises(StartupError, match=r"model\.onnx is not the file that was converted"):
        open_session(toy_folder, device, intra_op_threads=1)


@pytest.mark.parametrize(
    ("device", "engine"),
    [
        (Device.CPU, "ONNX Runtime"),
        (Device.AUTO, "ONNX Runtime"),
        pytest.param(Device.OPENVINO, "OpenVINO", marks=needs_openvino),
    ],
)
@pytest.mark.parametrize("content", [b"", b"not ONNX"], ids=["empty", "text"])
def test_a_file_that_was_never_onnx_is_refused(
    content: bytes, device: Device, engine: str, toy_folder: Path, toy_spec: ModelSpec
) -> None:
    model = toy_folder / ONNX_FILE
    model.write_bytes(content)
    files = toy_spec.files | {ONNX_FILE: sha256_of_file(model)}
    toy_spec.model_copy(update={"files": files}).save(toy_folder)

    with pytest.raises(StartupError, match=rf"^{engine} cannot load model\.onnx: ") as caught:
        open_session(toy_folder, device, intra_op_threads=1)
    assert engine != "OpenVINO" or "\n" not in str(caught.value)


@pytest.mark.parametrize("device", Device)
def test_a_missing_model_is_refused(device: Device, tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"^cannot read the model: .*spec\.json"):
        open_session(tmp_path / "nothing", device, intra_op_threads=1)


def test_on_cuda_each_batch_size_has_a_session_of_its_own(session: OnnxSession) -> None:
    made: list[onnxruntime.InferenceSession] = []

    def create() -> onnxruntime.InferenceSession:
        # The same file on the CPU: which session a batch gets does not depend on the provider.
        made.append(onnxruntime.InferenceSession(session._session._model_path))
        return made[-1]

    on_cuda = replace(session, device=Device.CUDA, device_id=0, _create=create, _by_batch_size={})
    first = {size: on_cuda.run(np.stack([pixels(RED)] * size)) for size in (2, 1, 4)}
    again = {size: on_cuda.run(np.stack([pixels(RED)] * size)) for size in (4, 2, 1, 2)}

    assert on_cuda._by_batch_size == {2: session._session, 1: made[0], 4: made[1]}
    for size, probabilities in (first | again).items():
        assert probabilities.tolist() == np.array([[HIGH, LOW, LOW]] * size, np.float32).tolist()


def on_cuda(session: OnnxSession, folder: Path) -> OnnxSession:
    """A session on the CPU that takes itself for one on CUDA, and has run a batch of one."""
    options = session_module._Options(folder, 1, 0, 1)
    create = partial(session_module._create, session.spec, Device.CUDA, options)
    posing = replace(session, device=Device.CUDA, _create=create, _by_batch_size={})
    posing.run(np.stack([pixels(RED)]))
    return posing


# What an H100 said whose memory was full, or filled up while the session was made.
@pytest.mark.parametrize(
    "failure",
    [
        "CUDA failure 2: out of memory",
        "CUBLAS failure 3: the resource allocation failed",
        "CUDNN failure 4000: CUDNN_STATUS_INTERNAL_ERROR",
        "Failed to allocate memory for requested buffer of size 5120000",
    ],
)
def test_a_gpu_without_room_for_another_batch_size_is_said_in_one_line(
    session: OnnxSession,
    toy_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    failure: str,
) -> None:
    page = (
        "[ONNXRuntimeError] : 1 : FAIL : /onnxruntime_src/cuda_call.cc:154 CudaCall "
        f"{failure} ; GPU=0 ; hostname=vm ; line=245 ; expr=x"
    )

    create = onnxruntime.InferenceSession._create_inference_session

    def full(self: onnxruntime.InferenceSession, providers: Sequence[Any], *rest: Any) -> None:
        if CUDA in dict(each if isinstance(each, tuple) else (each, {}) for each in providers):
            raise RuntimeError(page)
        create(self, providers, *rest)  # what ONNX Runtime would go on with

    posing = on_cuda(session, toy_folder)
    monkeypatch.setattr(onnxruntime.InferenceSession, "_create_inference_session", full)

    with pytest.raises(StartupError) as caught:
        posing.run(np.stack([pixels(RED)] * 2))
    assert str(caught.value) == f"no session for batches of 2: {failure}"
    assert capsys.readouterr().out == ""


@pytest.mark.skipif(CUDA not in onnxruntime.get_available_providers(), reason="a build for CPUs")
@without_gpu
def test_another_batch_size_never_runs_on_the_cpu_instead(
    session: OnnxSession, toy_folder: Path
) -> None:
    # Where CUDA fails, ONNX Runtime goes on with the CPU.
    posing = on_cuda(session, toy_folder)
    with pytest.raises(StartupError, match=r"^no session for batches of 2: ONNX Runtime offers"):
        posing.run(np.stack([pixels(RED)] * 2))


def test_on_the_cpu_all_batch_sizes_share_the_session(session: OnnxSession) -> None:
    for size in (2, 1, 4):
        session.run(np.stack([pixels(RED)] * size))
    assert session._by_batch_size == {}


def test_an_fp16_model_on_the_cpu_is_warned_of(
    toy_folder: Path, toy_spec: ModelSpec, caplog: pytest.LogCaptureFixture
) -> None:
    toy_spec.model_copy(update={"precision": Precision.FP16}).save(toy_folder)
    open_session(toy_folder, Device.CPU, intra_op_threads=1)
    assert [record.message for record in caplog.records] == [
        "an fp16 model is slower than an fp32 model on the CPU"
    ]


@pytest.mark.parametrize(
    "device", [Device.CPU, pytest.param(Device.OPENVINO, marks=needs_openvino)]
)
def test_a_run_that_is_forgotten_changes_no_other(device: Device, toy_folder: Path) -> None:
    session = open_session(toy_folder, device, intra_op_threads=1)
    batch = np.stack([pixels(RED)] * 8)
    before = session.run(batch)
    session.run_and_forget(batch)
    assert session.run(batch).tolist() == before.tolist()


def test_embeddings_come_with_the_probabilities(session: OnnxSession) -> None:
    batch = np.stack([pixels(RED), pixels(BLUE)])
    probabilities, embeddings = session.run_with_embeddings(batch)

    assert embeddings.tolist() == [[255, 0, 0], [0, 0, 255]]
    assert probabilities.tolist() == session.run(batch).tolist()
