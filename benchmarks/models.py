"""The models that are served, in a BentoML home of the benchmark's own."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.toys import NEAR_ZERO, SUBLINEAR

PROJECT = Path(__file__).parent.parent
FOLDER = PROJECT / "build" / "benchmarks"
HOME = FOLDER / "home"
RESULTS = FOLDER / "results.json"

_CONVERT = ("conversion.convert_to_onnx", "--architecture")
_COMMANDS = {
    "efficientnet_lite0": (*_CONVERT, "efficientnet_lite0"),
    "resnet50": (*_CONVERT, "resnet50", "--random-weights", "0"),
    NEAR_ZERO: ("benchmarks.toys", NEAR_ZERO),
    SUBLINEAR: ("benchmarks.toys", SUBLINEAR),
}
MODELS = (NEAR_ZERO, "efficientnet_lite0", "resnet50")
"""What is measured unless something else is asked for."""

KNOWN = tuple(_COMMANDS)


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
