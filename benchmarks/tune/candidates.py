"""What is tried: settings that differ from the defaults of this machine, stage after stage."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from inference import RunnerOptions
from inference.batching.batch_size import GROUP, Sizes
from inference.hardware.cpus import usable_cpus
from serving.workers import sizing
from settings import PREFIX, Device, Settings

Values = Mapping[str, str]
"""Fields of :class:`Settings` and their text; none: the defaults."""

_CPU_BATCHES = (1, 2, 4, 16)
_GPU_BATCHES = (8, 16, 32, 64, 128)
_DELAYS_MS = (2, 5)


Stage = Sequence[Values]
"""One setting, varied: each of its values is tried upon the best of the stages before."""


def stages(settings: Settings) -> list[Stage]:
    """The search for this machine: what decides most comes first.

    Args:
        settings: that are given; their derived values are the defaults and are not tried.
    """
    gpu = sizing.wants_gpu(settings)
    found = [
        _stage("device", [Device.TENSORRT.value] if gpu else []),
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


def write(file: Path, values: Values, measured: str) -> None:
    """Write what ``make serve`` reads: a comment, and ``CLASSIFIER_X=…`` for each setting."""
    lines = [f"# {measured}", *(f"{name}={value}" for name, value in variables(values).items())]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


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
