"""What is tried: settings that differ from the defaults of this machine, stage after stage."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from inference import RunnerOptions
from inference.batching.batch_size import GROUP, Sizes
from inference.hardware.cpus import usable_cpus
from inference.sessions.openvino_session import openvino_version
from model_spec import Precision
from serving.workers import sizing
from settings import PREFIX, Device, Settings

Values = Mapping[str, str]  # fields of :class:`Settings` and their text; none: the defaults

_CPU_BATCHES = (1, 2, 4, 16)
_GPU_BATCHES = (8, 16, 32, 64, 128)
_DELAYS_MS = (2, 5)

Stage = Sequence[Values]
"""One setting, varied: each of its values is tried upon the best of the stages before."""

MODEL, DEVICE = "model", "device"  # fields of the settings
_ON_A_GPU = frozenset({Precision.FP32, Precision.FP16})
_ON_THE_CPU = frozenset(Precision) - {Precision.FP16}


@dataclass(frozen=True)
class Variant:
    """A model that may stand in for the one that is tuned."""

    tag: str  # in the model store
    precision: Precision


def stages(settings: Settings, variants: Sequence[Variant] = ()) -> list[Stage]:
    """The search for this machine: what decides most comes first.

    What the settings give or derive is the default, and is not tried.
    """
    gpu = sizing.wants_gpu(settings)
    found = [
        [*_engines(settings, variants, gpu)],
        _stage("workers", _workers(settings)),
        _stage("intra_op_threads", [] if gpu else _threads(settings)),
        _stage("max_batch_size", _batches(settings, gpu)),
        _stage("max_batch_delay_ms", _DELAYS_MS),
        _stage("decode_threads", _decode_threads(settings)),
    ]
    return [stage for stage in found if stage]


def upon(base: Values, stage: Stage) -> Iterator[Values]:
    """The candidates of a stage, given the best of those before."""
    return ({**base, **option} for option in stage)


def told(values: Values) -> str:
    """Settings in a line."""
    return ", ".join(f"{name}={value}" for name, value in values.items()) or "defaults"


def variables(values: Values) -> dict[str, str]:
    """As environment variables."""
    return {f"{PREFIX}{name.upper()}": value for name, value in values.items()}


def write(file: Path, values: Values, measured: str, model: str) -> None:
    """Write what ``make serve`` reads.

    A comment (``measured``), ``CLASSIFIER_X=…`` for each setting and, where another model stands in
    for the one that was tuned (``model``), the tags of both.
    """
    settings = {name: value for name, value in values.items() if name != MODEL}
    given = variables(settings)
    if MODEL in values:
        given |= {"TUNED_FOR": model, "TUNED_MODEL": values[MODEL]}
    lines = [f"# {measured}", *(f"{name}={value}" for name, value in given.items())]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _engines(settings: Settings, variants: Sequence[Variant], gpu: bool) -> Iterator[Values]:
    """Every device with every precision that it is for: which is best depends on both."""
    own = Device.CPU if settings.device is Device.AUTO else settings.device
    for tag, precision in [(None, None), *((each.tag, each.precision) for each in variants)]:
        if precision and precision not in (_ON_A_GPU if gpu else _ON_THE_CPU):
            continue
        for device in (own, *_other_devices(own, gpu)):
            if precision is Precision.BF16 and device is not Device.OPENVINO:
                continue
            given = {MODEL: tag, DEVICE: None if device is own else device.value}
            if values := {name: value for name, value in given.items() if value}:
                yield values


def _other_devices(own: Device, gpu: bool) -> list[Device]:
    if gpu:
        return [each for each in (Device.TENSORRT,) if each is not own]
    devices = (Device.CPU, *((Device.OPENVINO,) if openvino_version() else ()))
    return [each for each in devices if each is not own]


def _workers(settings: Settings) -> list[int]:
    """Half and twice as many, and one."""
    default = sizing.workers(settings)
    return _others(default, [1, default // 2, 2 * default])


def _threads(settings: Settings) -> list[int]:
    """Twice as many, and as many as there are processors."""
    default = sizing.intra_op_threads(settings)
    return _others(default, [2 * default, usable_cpus()])


def _batches(settings: Settings, gpu: bool) -> list[int]:
    return _others(_options(settings).max_batch_size, _GPU_BATCHES if gpu else _CPU_BATCHES)


def _decode_threads(settings: Settings) -> list[int]:
    """On the CPU one ahead of the session; on a GPU none, half and twice as many."""
    default = _options(settings).decode_threads
    return _others(default, [0, default // 2, 2 * default] if default else [1], least=0)


def _options(settings: Settings) -> RunnerOptions:
    device = Device.CUDA if sizing.wants_gpu(settings) else Device.CPU
    return sizing.runner_options(settings, device, lambda: Sizes(GROUP, GROUP))


def _others(default: int, values: Sequence[int], least: int = 1) -> list[int]:
    return sorted({value for value in values if value >= least and value != default})


def _stage(name: str, values: Sequence[object]) -> Stage:
    return [{name: str(value)} for value in values]
