"""cerebrium.toml has documented keys and says what the code says; what is uploaded is whole."""

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import tomli
from bentoml._internal.configuration.containers import BentoMLContainer

from harness.servers import BENTOML, PROJECT, environment, toy_home
from settings import Settings
from tests.support.commands import run
from tests.support.kustomized import container, trigger

TOML = PROJECT / "deploy/cerebrium/cerebrium.toml"
CONFIG: dict[str, Any] = tomli.loads(TOML.read_text())["cerebrium"]

# The keys and their types as Cerebrium's documentation and its command line tool have them.
DOCUMENTED = {
    "deployment": {
        str: "name python_version docker_base_image_url",
        list: "include exclude shell_commands pre_build_commands",
        bool: "disable_auth use_uv",
        int: "deployment_initialization_timeout",
    },
    "hardware": {float: "cpu memory", str: "compute provider region", int: "gpu_count"},
    "scaling": {
        int: "min_replicas max_replicas cooldown replica_concurrency response_grace_period "
        "scaling_target scaling_buffer roll_out_duration_seconds evaluation_interval_seconds",
        str: "scaling_metric load_balancing_algorithm compute_tier",
    },
}
CUSTOM_RUNTIME: dict[type, str] = {
    list: "entrypoint",
    int: "port",
    str: "healthcheck_endpoint readycheck_endpoint dockerfile_path",
}
SCALING_METRICS = [
    *("concurrency_utilization", "requests_per_second", "cpu_utilization", "memory_utilization")
]


def documented(section: dict[str, Any], keys: Mapping[Any, str]) -> bool:
    """Whether each key of a section is among those of the type of its value."""
    return all(key in keys.get(type(value), "").split() for key, value in section.items())


def test_every_key_is_documented_and_has_its_type() -> None:
    sections = {name: section for name, section in CONFIG.items() if name != "runtime"}
    assert set(sections) <= set(DOCUMENTED)
    assert all(documented(section, DOCUMENTED[name]) for name, section in sections.items())
    assert set(CONFIG["runtime"]) == {"custom"}
    assert documented(CONFIG["runtime"]["custom"], CUSTOM_RUNTIME)
    assert CONFIG["scaling"]["scaling_metric"] in SCALING_METRICS
    assert 60 <= CONFIG["deployment"]["deployment_initialization_timeout"] <= 830
    assert not documented({"prot": 3000}, CUSTOM_RUNTIME)


def test_the_port_is_the_one_that_is_listened_on() -> None:
    assert CONFIG["runtime"]["custom"]["port"] == BentoMLContainer.http.port.get()


@pytest.mark.slow
def test_the_endpoints_are_answered(served: httpx.Client) -> None:
    for check in ("healthcheck_endpoint", "readycheck_endpoint"):
        assert served.get(CONFIG["runtime"]["custom"][check]).status_code == 200


def test_a_replica_is_killed_no_earlier_than_a_pod() -> None:
    grace = int(container("gpu")["args"][-1])
    assert CONFIG["scaling"]["response_grace_period"] >= Settings().drain_ms / 1000 + grace


def test_it_is_scaled_at_the_queue_that_pods_are_scaled_at() -> None:
    scaling = CONFIG["scaling"]
    at = scaling["replica_concurrency"] * scaling["scaling_target"] / 100
    assert at == float(trigger("gpu")["threshold"])


def test_the_hardware_is_a_pods() -> None:
    limits = container("gpu")["resources"]["limits"]
    hardware = CONFIG["hardware"]
    assert f"{hardware['cpu']:g}" == limits["cpu"]
    assert f"{hardware['memory']:g}Gi" == limits["memory"]
    assert str(hardware["gpu_count"]) == limits["nvidia.com/gpu"]


def prepared(home: Path, folder: Path, target: Path, *options: str) -> tuple[int, str]:
    """The command's exit status and all that it printed."""
    command = [sys.executable, "-m", "deploy.cerebrium.prepare", str(target), *options]
    done = run(command, environment(home, folder, {}))
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BentoML home with a Bento of the project, with the toy model."""
    folder = tmp_path_factory.mktemp("bento")
    home = toy_home(folder)
    built = run([BENTOML, "build"], environment(home, folder, {}))
    assert built.returncode == 0, built.stderr
    return home


@pytest.fixture(scope="module")
def uploaded(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command makes of it."""
    folder = tmp_path_factory.mktemp("prepared")
    target = folder / "upload"
    assert prepared(home, folder, target) == (0, f"now: cd {target} && cerebrium deploy\n")
    return target


@pytest.mark.slow
def test_what_is_uploaded_is_whole(uploaded: Path) -> None:
    assert (uploaded / "cerebrium.toml").read_text() == TOML.read_text()
    assert (uploaded / "src/service.py").exists()
    assert (uploaded / "models/image_classifier/toy/model.onnx").exists()
    dockerfile = (uploaded / CONFIG["runtime"]["custom"]["dockerfile_path"]).read_text()
    assert f"EXPOSE {CONFIG['runtime']['custom']['port']}\n" in dockerfile
    copied = re.findall(r"^COPY .* (\./\S*|\.) \S+$", dockerfile, re.MULTILINE)
    assert copied
    assert all((uploaded / source).exists() for source in copied)


@pytest.mark.slow
def test_the_dockerfiles_command_starts_the_server(uploaded: Path) -> None:
    dockerfile = (uploaded / "Dockerfile").read_text()
    (root,) = re.findall(r"^ARG BENTO_PATH=(.*)$", dockerfile, re.MULTILINE)
    assert "WORKDIR $BENTO_PATH\n" in dockerfile
    *_, entrypoint, command = dockerfile.splitlines()
    assert entrypoint == "ENTRYPOINT []"
    script, *arguments = json.loads(command.removeprefix("CMD "))
    assert arguments == container("gpu")["args"]
    assert (uploaded / Path(script).relative_to(root)).exists()
    assert f"RUN chmod +x {script}\n" in dockerfile


@pytest.mark.slow
def test_a_folder_that_exists_is_left_alone(home: Path, tmp_path: Path) -> None:
    target = tmp_path / "mine"
    target.mkdir()
    status, printed = prepared(home, tmp_path, target)
    assert (status, list(target.iterdir())) == (2, [])
    assert printed.startswith("error: ")
    assert "Traceback" not in printed


@pytest.mark.slow
def test_a_folder_that_cannot_be_made_is_said(home: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    status, printed = prepared(home, tmp_path, tmp_path / "file/upload")
    assert status == 2
    assert "Not a directory" in printed
    assert "Traceback" not in printed


@pytest.mark.slow
def test_ctrl_c_leaves_no_half_of_a_folder(home: Path, tmp_path: Path) -> None:
    target = tmp_path / "upload"
    script = (
        "from deploy.cerebrium import prepare\n"
        "def interrupted(source, folder): assert folder.is_dir(); raise KeyboardInterrupt\n"
        "prepare.shutil.copy = interrupted\n"
        "prepare.main()"
    )
    done = run([sys.executable, "-c", script, str(target)], environment(home, tmp_path, {}))
    assert done.stderr.splitlines()[-1] == "KeyboardInterrupt"
    assert not target.exists()


@pytest.mark.slow
def test_a_bento_that_is_missing_is_named(home: Path, tmp_path: Path) -> None:
    status, printed = prepared(home, tmp_path, tmp_path / "new", "--bento", "absent:one")
    assert status == 2
    assert "absent:one" in printed
    assert "Traceback" not in printed
