"""The stacks that are compared: how each is started, and the request form it takes best."""

import json
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.measurement.models import FOLDER, HOME, Model
from benchmarks.stacks import forms
from benchmarks.stacks.forms import Form
from harness.servers import BENTOML, PROJECT, environment
from inference.hardware.cpus import usable_cpus
from model_spec import Precision
from settings import PREFIX, Device

OURS = "ours"

_PEERS = PROJECT / "benchmarks" / "peers"
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
_NAME = re.compile(r"^\w[\w-]*", re.MULTILINE)
_WORK = _NAME.findall((_PEERS / "work.txt").read_text())
_SHARED = ("numpy", *_WORK)
_ASK_VERSIONS = """
import importlib.metadata, json, sys
found = {each.name.lower(): each.version for each in importlib.metadata.distributions()}
print(json.dumps({name: found[name] for name in sys.argv[1:] if name in found}))
"""


@dataclass(frozen=True)
class Stack:
    """A server and how it is asked."""

    name: str  # for the command line
    forms: Mapping[str, Form]  # each measured on its own, by the title it gets in the tables
    module: str | None = None  # in ``benchmarks.peers``; None: the project's own service
    peer: str | None = None  # whose virtual environment it has; None: `bentoml serve` in ours
    variables: Mapping[str, str] = field(default_factory=dict)
    precision: Precision = Precision.FP32  # of the model that it serves
    device: Device = Device.CPU

    @property
    def python(self) -> Path:
        """Of its virtual environment; absent until ``make bench-peers``."""
        venv = FOLDER / f"venv-{self.peer}"
        return venv / "bin" / "python" if self.peer else Path(sys.executable)

    def command(self, port: int) -> list[str]:
        """Starts it on a port of 127.0.0.1."""
        if self.peer:
            return [str(self.python), "-m", f"benchmarks.peers.{self.module}"]
        target = f"benchmarks.peers.{self.module}:Classifier" if self.module else "."
        return [BENTOML, "serve", target, "--host", "127.0.0.1", "--port", str(port)]

    def environment(self, model: Model, port: int, folder: Path) -> dict[str, str]:
        """Of the command; the peers read theirs in ``benchmarks/peers/given.py``."""
        given = {
            "CLASSIFIER_MODEL": model.tag,
            "BENCHMARK_MODEL": str(model.folder),
            "BENCHMARK_PORT": str(port),
            "BENCHMARK_WORKERS": str(usable_cpus()),
        }
        if self.peer:
            given["PATH"] = f"{self.python.parent}{os.pathsep}{os.environ['PATH']}"
            given["PYTHONPATH"] = str(PROJECT)
        home = HOME if self.module else model.home
        return environment(home, folder, {**given, **self.variables})

    def versions(self) -> dict[str, str]:
        """Of its packages; none if it is not installed."""
        packages = [*_BENTOML, *_SHARED]
        if self.peer:
            required = (_PEERS / "requirements" / f"{self.peer}.txt").read_text()
            packages = [*_NAME.findall(required), *_SHARED]
        return _versions(self.python, packages)

    def other_work(self) -> str:
        """Libraries of its work that are not in the service's versions; empty if all are."""
        theirs = self.versions() if self.peer else {}
        ours = _versions(Path(sys.executable), _WORK) if theirs else {}
        return ", ".join(
            f"{name} {theirs.get(name, 'is missing')} (ours {version})"
            for name, version in ours.items()
            if theirs.get(name) != version
        )


def _versions(python: Path, packages: Sequence[str]) -> dict[str, str]:
    if not python.exists():
        return {}
    command = [str(python), "-c", _ASK_VERSIONS, *packages]
    found: dict[str, str] = json.loads(subprocess.check_output(command))
    return found


def _ours(name: str, titles: Mapping[str, Form], **settings: int) -> Stack:
    # The peers' time: with the service's own, 64 clients of a model that takes a tenth of a
    # second would be told to come back later.
    given = {"deadline_ms": 60_000, **settings}
    variables = {f"{PREFIX}{key.upper()}": str(value) for key, value in given.items()}
    return Stack(name, titles, variables=variables)


def _int8(name: str, title: str, device: Device) -> Stack:
    stack = _ours(name, {title: forms.RAW})
    variables = {**stack.variables, f"{PREFIX}DEVICE": device.value}
    return replace(stack, variables=variables, precision=Precision.INT8, device=device)


def _mosec(name: str, title: str, **options: int) -> Stack:
    variables = {f"BENCHMARK_{key.upper()}": str(value) for key, value in options.items()}
    return Stack(name, {title: forms.RAW_TO_INFERENCE}, "mosec", "mosec", variables)


DEFAULT = (
    _ours(OURS, {"ours, raw body": forms.RAW, "ours, multipart": forms.MULTIPART}),
    _int8("ours_int8", "ours int8", Device.CPU),
    _int8("ours_int8_openvino", "ours int8 on OpenVINO", Device.OPENVINO),
    _mosec("mosec_one", "mosec, one stage", max_batch_size=1),
    _mosec("mosec_batch", "mosec, one stage in batches"),
    _mosec("mosec_two", "mosec, two stages", stages=2),
    Stack("fastapi", {"FastAPI + ONNX Runtime": forms.RAW}, "fastapi", "fastapi"),
    Stack("litserve", {"LitServe": forms.RAW}, "litserve", "litserve"),
    Stack("ray_serve", {"Ray Serve": forms.RAW}, "ray_serve", "ray", _RAY),
    Stack("triton", {"Triton (PyTriton)": forms.TRITON}, "triton", "triton", _TRITON),
    Stack("stock_bentoml", {"stock BentoML": forms.RAW}, "stock_bentoml"),
    Stack(
        "stock_bentoml_one",
        {"stock BentoML, one model worker": forms.RAW},
        "stock_bentoml",
        variables={"BENCHMARK_MODEL_WORKERS": "1"},
    ),
)
"""What is measured unless something else is asked for, in the order of the tables."""

_BATCHING = (
    _ours("ours_up_to_64", {"ours, batches up to 64": forms.RAW}, max_batch_size=64),
    _ours("ours_singly", {"ours, no batching": forms.RAW}, max_batch_size=1),
)
STACKS = {stack.name: stack for stack in DEFAULT + _BATCHING}  # by name
