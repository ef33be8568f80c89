"""The models that are served, in a BentoML home of the benchmark's own."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[2]
FOLDER = PROJECT / "build" / "benchmarks"
HOME = FOLDER / "home"

NEAR_ZERO = "near_zero"

_CONVERT = ("conversion.convert_to_onnx", "--architecture")
_TOY = "benchmarks.measurement.toy_models"
_COMMANDS = {
    NEAR_ZERO: (_TOY, NEAR_ZERO),
    "efficientnet_lite0": (*_CONVERT, "efficientnet_lite0"),
    "resnet50": (*_CONVERT, "resnet50", "--random-weights", "0"),
    "sublinear": (_TOY, "sublinear"),
}
KNOWN = tuple(_COMMANDS)
MODELS = KNOWN[:3]
"""What is measured unless something else is asked for."""


@dataclass(frozen=True)
class Model:
    """A model in a model store.

    Attributes:
        name: for the tables.
        tag: in the store.
        home: BentoML's, of the store.
    """

    name: str
    tag: str
    home: Path = HOME

    @property
    def folder(self) -> Path:
        """With ``spec.json`` and ``model.onnx``."""
        return self.home / "models" / self.tag.replace(":", "/")


def obtain(name: str) -> Model:
    """A model, converted or made if it is not there yet.

    Raises:
        subprocess.CalledProcessError: that failed; it has said why.
    """
    HOME.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", *_COMMANDS[name]],
        cwd=PROJECT,
        env={**os.environ, "BENTOML_HOME": str(HOME)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Model(name, done.stdout.split()[-1])
