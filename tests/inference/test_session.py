import logging
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from errors import StartupError
from inference import OnnxSession, check_device, open_session
from inference import session as session_module
from inference.gpu import count_gpus
from inference.session import provider_options
from model_spec import ONNX_FILE, ModelSpec, sha256_of_file
from settings import Device
from tests.support.toys import BLACK, BLUE, GREEN, HIGH, LOW, RED, pixels

without_gpu = pytest.mark.skipif(count_gpus() > 0, reason="this machine has a GPU")

CPU, CUDA, TENSORRT = (f"{name}ExecutionProvider" for name in ("CPU", "CUDA", "Tensorrt"))

EXPLICIT = [(Device.CUDA, CUDA), (Device.TENSORRT, TENSORRT)]


def missing(provider: str) -> str:
    """What a machine without a GPU says, with and without the GPU build of ONNX Runtime."""
    if provider in onnxruntime.get_available_providers():
        return "the NVIDIA driver shows no GPU"
    return f"this build of ONNX Runtime has no {provider}"


def test_the_toy_answers_as_worked_out_by_hand(session: OnnxSession) -> None:
    batch = np.stack([pixels(colour) for colour in (RED, GREEN, BLUE, BLACK)])
    third = 1 / 3
    expected = [[HIGH, LOW, LOW], [LOW, HIGH, LOW], [LOW, LOW, HIGH], [third, third, third]]

    probabilities = session.run(batch)

    assert probabilities.dtype == np.float32
    assert probabilities.tolist() == np.array(expected, np.float32).tolist()


def test_on_the_cpu_the_session_is_what_it_says(session: OnnxSession, toy_spec: ModelSpec) -> None:
    assert (session.device, session.device_id) == (Device.CPU, None)
    assert session.providers == (CPU,) == tuple(session._session.get_providers())
    assert session.spec == toy_spec


def test_threads_are_those_that_were_asked_for(toy_folder: Path) -> None:
    session = open_session(toy_folder, Device.CPU, intra_op_threads=3)
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
        (
            "image_classifier.session",
            logging.WARNING,
            f"running on the CPU: {missing(CUDA)}",
        )
    ]


@without_gpu
@pytest.mark.parametrize(("device", "provider"), EXPLICIT)
def test_an_explicit_gpu_that_cannot_be_had_is_refused(
    device: Device, provider: str, toy_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(StartupError) as caught:
        open_session(toy_folder, device, intra_op_threads=1)
    assert str(caught.value) == (
        f"CLASSIFIER_DEVICE={device.value} cannot be had: {missing(provider)}"
    )

    with pytest.raises(StartupError) as caught:
        check_device(toy_folder, device)
    assert str(caught.value) == (
        f"CLASSIFIER_DEVICE={device.value} cannot be had: {missing(provider)}"
    )
    assert caplog.records == []


@without_gpu
@pytest.mark.parametrize(("device", "provider"), EXPLICIT)
def test_a_session_that_fell_back_by_itself_is_refused(
    device: Device, provider: str, toy_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if the driver were there, but CUDA's libraries were not: ONNX Runtime itself
    # then goes on with the CPU, and says so in its log alone.
    monkeypatch.setattr(session_module, "count_gpus", lambda: 1)
    if provider not in onnxruntime.get_available_providers():
        pytest.skip("this build of ONNX Runtime has no GPU")

    with pytest.raises(StartupError) as caught:
        open_session(toy_folder, device, intra_op_threads=1)
    assert str(caught.value) == (
        f"CLASSIFIER_DEVICE={device.value} cannot be had: "
        f"ONNX Runtime offers only {CPU}; see its log above"
    )


@pytest.mark.parametrize(("device", "provider"), EXPLICIT)
def test_an_onnx_runtime_without_gpu_support_is_named(
    device: Device, provider: str, toy_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CPU])

    with pytest.raises(StartupError) as caught:
        open_session(toy_folder, device, intra_op_threads=1)
    assert str(caught.value) == (
        f"CLASSIFIER_DEVICE={device.value} cannot be had: "
        f"this build of ONNX Runtime has no {provider}"
    )


@pytest.mark.parametrize("device", [Device.CUDA, Device.TENSORRT])
def test_a_gpu_beyond_the_last_is_named(
    device: Device, toy_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "count_gpus", lambda: 2)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [TENSORRT, CUDA, CPU])

    with pytest.raises(StartupError, match=r"the NVIDIA driver shows 2 GPUs, index 2 wanted$"):
        open_session(toy_folder, device, intra_op_threads=1, device_id=2)


def test_the_cpu_can_always_be_had(toy_folder: Path) -> None:
    check_device(toy_folder, Device.CPU)


@pytest.mark.parametrize("device", [Device.CPU, Device.AUTO])
def test_a_damaged_model_is_refused(device: Device, toy_folder: Path) -> None:
    model = toy_folder / ONNX_FILE
    model.write_bytes(model.read_bytes()[:-1])

    with pytest.raises(StartupError, match=r"model\.onnx is not the file that was converted"):
        open_session(toy_folder, device, intra_op_threads=1)


@pytest.mark.parametrize("device", [Device.CPU, Device.AUTO])
@pytest.mark.parametrize("content", [b"", b"not ONNX"], ids=["empty", "text"])
def test_a_file_that_was_never_onnx_is_refused(
    content: bytes, device: Device, toy_folder: Path, toy_spec: ModelSpec
) -> None:
    model = toy_folder / ONNX_FILE
    model.write_bytes(content)
    files = toy_spec.files | {ONNX_FILE: sha256_of_file(model)}
    toy_spec.model_copy(update={"files": files}).save(toy_folder)

    with pytest.raises(StartupError, match=r"^ONNX Runtime cannot load model\.onnx: "):
        open_session(toy_folder, device, intra_op_threads=1)


@pytest.mark.parametrize("device", Device)
def test_a_missing_model_is_refused(device: Device, tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"^cannot read the model: .*spec\.json"):
        open_session(tmp_path / "nothing", device, intra_op_threads=1)


def test_provider_options(tmp_path: Path) -> None:
    cpu: tuple[str, dict[str, Any]] = (CPU, {})
    cuda = (CUDA, {"device_id": 3, "cudnn_conv_algo_search": "EXHAUSTIVE"})
    tensorrt = (
        TENSORRT,
        {
            "device_id": 3,
            "trt_engine_cache_enable": True,
            "trt_engine_cache_path": str(tmp_path / "tensorrt"),
            "trt_timing_cache_enable": True,
        },
    )

    assert provider_options(Device.CPU, tmp_path, 3) == [cpu]
    assert provider_options(Device.CUDA, tmp_path, 3) == [cuda, cpu]
    assert provider_options(Device.TENSORRT, tmp_path, 3) == [tensorrt, cuda, cpu]


def test_a_run_that_is_forgotten_changes_no_other(toy_folder: Path) -> None:
    session = open_session(toy_folder, Device.CPU, intra_op_threads=1)
    batch = np.stack([pixels(RED)] * 8)
    before = session.run(batch)
    session.run_and_forget(batch)
    assert session.run(batch).tolist() == before.tolist()
