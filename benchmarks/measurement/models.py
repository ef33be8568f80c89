"""The models that are served, in a BentoML home of the benchmark's own."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.servers import PROJECT
from model_comparison import Shortcoming
from model_spec import Precision
from settings import PREFIX, Device

FOLDER = PROJECT / "build" / "benchmarks"
HOME = FOLDER / "home"

NEAR_ZERO = "near_zero"

_ERROR = "error: "
"""Begins the line in which conversion says why it has saved nothing; more lines may follow."""

_CONVERT = ("conversion.convert_to_onnx", "--architecture")
_TOY = "benchmarks.measurement.toy_models"
_COMMANDS = {
    NEAR_ZERO: (_TOY, NEAR_ZERO),
    "efficientnet_lite0": (*_CONVERT, "efficientnet_lite0"),
    "resnet50": (*_CONVERT, "resnet50", "--random-weights", "0"),
    "sublinear": (_TOY, "sublinear"),
}
KNOWN = tuple(_COMMANDS)
MODELS = KNOWN[:3]  # what is measured unless something else is asked for


@dataclass(frozen=True)
class Model:
    """A model in a model store."""

    name: str  # for the tables
    tag: str  # in the store
    home: Path = HOME  # BentoML's, of the store

    @property
    def folder(self) -> Path:
        """With ``spec.json`` and ``model.onnx``."""
        return self.home / "models" / self.tag.replace(":", "/")


@dataclass(frozen=True)
class Lowering:
    """How models of lower precision are made, and which are taken."""

    calibration: Path | None = None  # folder of photographs; without it there is no such model
    allow_marked: bool = False  # whether models are taken that the gate of conversion refuses

    @property
    def arguments(self) -> list[str]:
        """Of the conversion."""
        allowed = Shortcoming if self.allow_marked else ()
        options = [f"--allow-{each.value.replace(' ', '-')}" for each in allowed]
        return ["--calibration", str(self.calibration), *options]


class RefusedError(Exception):
    """There is no such model of lower precision; says why."""


def obtain(name: str) -> Model:
    """A model, converted or made if it is not there yet; ends the command if that fails."""
    HOME.mkdir(parents=True, exist_ok=True)
    tag, reason = _converted(_COMMANDS[name])
    if not tag:
        raise SystemExit(reason)
    return Model(name, tag)


def obtain_lower(model: Model, precision: Precision, device: Device, given: Lowering) -> Model:
    """The same model in a lower precision, converted if it is not there yet: minutes.

    A RefusedError if there is none, or it has not passed the gate, which measures on the device.
    """
    command = _COMMANDS[model.name]
    if command[: len(_CONVERT)] != _CONVERT:
        raise RefusedError(f"{model.name} is not converted: it is {Precision.FP32.value} only")
    if given.calibration is None:
        raise RefusedError(f"{precision.value} needs photographs: --calibration FOLDER")
    tag, reason = _converted([*command, "--precision", precision.value, *given.arguments], device)
    if not tag:
        raise RefusedError(reason)
    return replace(model, tag=tag)


def _converted(command: Sequence[str], device: Device = Device.CPU) -> tuple[str, str]:
    """The tag that a conversion prints, or an empty one and the line that says why it refuses."""
    with subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=PROJECT,
        env={**os.environ, "BENTOML_HOME": str(HOME), f"{PREFIX}DEVICE": device.value},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        reason = ""
        for line in process.stderr:
            print(line, end="", file=sys.stderr)
            if not reason.startswith(_ERROR):
                reason = line
        return process.stdout.read().strip(), reason.removeprefix(_ERROR).strip()
