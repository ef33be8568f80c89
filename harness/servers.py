"""Real servers: `bentoml serve` as a user would type it."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import bentoml
import httpx
from bentoml._internal.models import ModelStore
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from harness.toys import write_toy_model

PROJECT = Path(__file__).parents[1]
BENTOML = str(Path(sys.executable).with_name("bentoml"))

ENDS_WITH_US = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
"""Begins a command whose process gets SIGTERM when this one ends, however it does."""

_START_SECONDS = 240.0
_STOP_SECONDS = 40.0


@dataclass
class Server:
    """A running `bentoml serve`.

    Attributes:
        url: where it listens.
        process: the supervisor.
        log_file: what it printed.
        temporary: the only folder it was told to put temporary files in.
    """

    url: str
    process: subprocess.Popen[bytes]
    log_file: Path
    temporary: Path

    @property
    def log(self) -> str:
        """What it has printed so far."""
        return self.log_file.read_text()

    def stop(self) -> int:
        """Send SIGTERM; returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(_STOP_SECONDS)


def toy_home(folder: Path, *, confidence: float | None = None, pretrained: bool = True) -> Path:
    """A BentoML home whose model store has the toy model.

    Args:
        folder: to make it in.
        confidence: that the toy's spec claims for its golden image; the truth by default.
        pretrained: that the spec claims.
    """
    home = folder / "home"
    store = home / "models"
    store.mkdir(parents=True)
    with bentoml.models.create("image_classifier:toy", _model_store=ModelStore(store)) as model:
        options = {} if confidence is None else {"confidence": confidence}
        write_toy_model(Path(model.path), pretrained=pretrained, **options)
    return home


def environment(home: Path, folder: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """Variables for a `bentoml` command that touches nothing outside a folder."""
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith("CLASSIFIER_")
    }
    return {
        **inherited,
        "BENTOML_HOME": str(home),
        "BENTOML_DO_NOT_TRACK": "True",
        "TMPDIR": str(temporary),
        "CLASSIFIER_DEVICE": "cpu",
        "CLASSIFIER_DRAIN_MS": "0",
        **settings,
    }


@contextlib.contextmanager
def running(
    home: Path,
    folder: Path,
    settings: Mapping[str, str] = MappingProxyType({}),
    *,
    target: str = ".",
    wait: bool = True,
) -> Iterator[Server]:
    """Serve until the block ends.

    Args:
        home: BentoML's.
        folder: for logs and temporary files.
        settings: ``CLASSIFIER_*`` variables.
        target: what is served: a folder, ``service:ImageClassifier`` or a Bento's tag.
        wait: for readiness.
    """
    port = free_port()
    log_file = folder / "server.log"
    variables = environment(home, folder, settings)
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            [*ENDS_WITH_US, BENTOML, "serve", target, "--host", "127.0.0.1", "--port", str(port)],
            cwd=PROJECT,
            env=variables,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = Server(f"http://127.0.0.1:{port}", process, log_file, Path(variables["TMPDIR"]))
    try:
        if wait:
            wait_until_ready(server)
        yield server
    finally:
        with contextlib.suppress(ProcessLookupError):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_STOP_SECONDS)
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_until_ready(server: Server, path: str = "/readyz", status: int = 200) -> None:
    """Wait for a status; fails with the server's log when it ends or takes too long."""
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        if server.process.poll() is not None:
            raise AssertionError(f"the server ended: {server.log}")
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(server.url + path).status_code == status:
                return
        time.sleep(0.1)
    raise AssertionError(f"the server was not ready in time: {server.log}")


def metric(server: Server, name: str, **labels: str) -> float:
    """The sum of all samples of a name with these labels, as ``/metrics`` has them."""
    return sum(
        sample.value for sample in samples(server, name) if labels.items() <= sample.labels.items()
    )


def samples(server: Server, name: str) -> list[Sample]:
    """All samples of a name in ``/metrics``."""
    families = text_string_to_metric_families(httpx.get(f"{server.url}/metrics").text)
    return [sample for family in families for sample in family.samples if sample.name == name]


def free_port() -> int:
    """A TCP port nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
