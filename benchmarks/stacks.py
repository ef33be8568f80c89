"""The stacks that are compared: how each is started, and the request form it takes best."""

import os
import re
import sys
import sysconfig
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import forms
from benchmarks.forms import Form
from benchmarks.models import FOLDER, HOME, PROJECT, Model
from inference.cpus import usable_cpus
from tests.servers import BENTOML, environment

OURS = "ours"

Started = tuple[list[str], dict[str, str]]
"""A command and its environment."""

_REQUIREMENTS = Path(__file__).parent / "peers" / "requirements"
_THIS_PYTHON = Path(sys.executable)
# https://docs.ray.io/en/latest/serve → high throughput; HAProxy in front of the replicas.
_RAY = {
    "RAY_SERVE_ENABLE_HA_PROXY": "1",
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
}
# Triton's Python backend is linked against a libpython: it must be that of the interpreter,
# also where that is not the system's.
_TRITON = {"LD_LIBRARY_PATH": str(sysconfig.get_config_var("LIBDIR"))}
_BENTOML = ("bentoml", "starlette", "uvicorn", "uvloop", "httptools")


_SHARED = ("numpy", "onnxruntime", "onnxruntime-gpu", "pillow")
_NAME = re.compile(r"^\w[\w-]*", re.MULTILINE)


@dataclass(frozen=True)
class Stack:
    """A server and how it is asked.

    Attributes:
        name: for the command line.
        forms: of requests, each measured on its own, by the title it gets in the tables.
        command: that starts it, given the stack, a model, a port of 127.0.0.1 and a folder.
        peer: whose requirements it has, in a virtual environment of its own; None: the
            project's.
        variables: of its environment.
        tells_batches: in ``/metrics``.
    """

    name: str
    forms: Mapping[str, Form]
    command: Callable[["Stack", Model, int, Path], Started]
    peer: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    tells_batches: bool = False

    @property
    def python(self) -> Path:
        """Of its virtual environment; absent until ``make bench-peers``."""
        return FOLDER / f"venv-{self.peer}" / "bin" / "python" if self.peer else _THIS_PYTHON

    @property
    def packages(self) -> list[str]:
        """Whose versions are reported."""
        if self.peer is None:
            return [*_BENTOML, *_SHARED]
        return [*_NAME.findall((_REQUIREMENTS / f"{self.peer}.txt").read_text()), *_SHARED]


def _ours(stack: Stack, model: Model, port: int, folder: Path) -> Started:
    settings = {"CLASSIFIER_MODEL": model.tag, **stack.variables}
    return _serve(".", port), environment(model.home, folder, settings)


def _stock_bentoml(stack: Stack, model: Model, port: int, folder: Path) -> Started:
    command = _serve("benchmarks.peers.stock_bentoml:Classifier", port)
    return command, environment(HOME, folder, {**_given(model, port), **stack.variables})


def _serve(target: str, port: int) -> list[str]:
    return [BENTOML, "serve", target, "--host", "127.0.0.1", "--port", str(port)]


def _module(stack: Stack, model: Model, port: int, folder: Path) -> Started:
    """``python -m benchmarks.peers.NAME`` in the peer's own virtual environment."""
    path = f"{stack.python.parent}{os.pathsep}{os.environ['PATH']}"
    variables = {
        **environment(HOME, folder, _given(model, port)),
        "PATH": path,
        "PYTHONPATH": str(PROJECT),
        **stack.variables,
    }
    return [str(stack.python), "-m", f"benchmarks.peers.{stack.name}"], variables


def _given(model: Model, port: int) -> dict[str, str]:
    """Read by ``benchmarks/peers/given.py``."""
    return {
        "BENCHMARK_MODEL": str(model.folder),
        "BENCHMARK_PORT": str(port),
        "BENCHMARK_WORKERS": str(usable_cpus()),
    }


_STACKS = (
    Stack(
        OURS,
        {"ours, raw body": forms.RAW, "ours, multipart": forms.MULTIPART},
        _ours,
        # The peers' time: with the service's own, 64 clients of a model that takes a tenth of a
        # second would be told to come back later.
        variables={"CLASSIFIER_DEADLINE_MS": "60000"},
        tells_batches=True,
    ),
    Stack("mosec_one", {"mosec, one stage": forms.RAW_TO_INFERENCE}, _module, "mosec"),
    Stack("mosec_batch", {"mosec, one stage in batches": forms.RAW_TO_INFERENCE}, _module, "mosec"),
    Stack("mosec_two", {"mosec, two stages": forms.RAW_TO_INFERENCE}, _module, "mosec"),
    Stack("fastapi", {"FastAPI + ONNX Runtime": forms.RAW}, _module, "fastapi"),
    Stack("litserve", {"LitServe": forms.RAW}, _module, "litserve"),
    Stack("ray_serve", {"Ray Serve": forms.RAW}, _module, "ray", _RAY),
    Stack("triton", {"Triton (PyTriton)": forms.TRITON}, _module, "triton", _TRITON),
    Stack("stock_bentoml", {"stock BentoML": forms.RAW}, _stock_bentoml),
    Stack(
        "stock_bentoml_one",
        {"stock BentoML, one model worker": forms.RAW},
        _stock_bentoml,
        variables={"BENCHMARK_MODEL_WORKERS": "1"},
    ),
)
STACKS = {stack.name: stack for stack in _STACKS}
"""By name, in the order of the tables."""
