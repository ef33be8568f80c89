"""The commands and clients of the README and of docs/ run as a reader runs them."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from harness.servers import ENDS_WITH_US, PROJECT, Server, environment, free_port, wait_until_ready
from model_spec import MODEL_NAME, ModelSpec, Size
from tests.support.documents import ACTIVATE, DOCS, README, blocks, commands
from tests.support.kustomized import kubectl
from tests.support.tools import program

README_URL = "http://127.0.0.1:3000"
DEFAULT_TAG = "image_classifier:efficientnet_lite0-fp32-11ea1f7f"

SCRIPTS = "".join(
    (PROJECT / script).read_text()
    for script in (".ci/run", "tests/end_to_end.sh", "tests/container.sh", "Makefile")
)
RUN_BY_SCRIPTS = (
    "make serve",
    "make bento",
    "make lint",
    "make test",
    "make end-to-end",
    "bentoml serve image_classifier:latest --host 127.0.0.1 --port 3002",
    "make container CONTAINER=cpu",
    next(command for command in commands() if command.startswith("docker run ")),
    "docker stop classifier",
)


def typed(command: str) -> str:
    """The command as a reader types it: behind the virtual environment's, if that came before."""
    return f"{ACTIVATE}; {command}" if commands().get(command) else command


def reader(home: Path, folder: Path, **variables: str) -> dict[str, str]:
    """The variables of a reader, whose path does not lead into the virtual environment."""
    own = str(Path(sys.executable).parent)
    path = [each for each in os.environ["PATH"].split(os.pathsep) if each != own]
    return environment(home, folder, {"PATH": os.pathsep.join(path), **variables})


def shell(command: str, home: Path, folder: Path, **variables: str) -> str:
    """Run a command in the project folder, in a new shell; its output."""
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=PROJECT,
        env=reader(home, folder, **variables),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.stdout + done.stderr + f"exit {done.returncode}"


def test_a_result_stands_in_the_first_25_lines() -> None:
    assert '"label":"espresso"' in "\n".join(README.splitlines()[:25])


def test_commands_that_scripts_run() -> None:
    for command in RUN_BY_SCRIPTS:
        assert re.sub(r" --host .*", "", command) in SCRIPTS
        assert command in commands()


@pytest.mark.slow
@pytest.mark.parametrize("command", [c for c in commands() if c not in RUN_BY_SCRIPTS])
def test_every_other_command_runs(
    command: str, default_server: Server, default_home: Path, tmp_path: Path
) -> None:
    if README_URL in command:
        if command.startswith("node "):
            program("node", "nodejs")
        asked = typed(command).replace(README_URL, default_server.url)
        output = shell(asked, default_home, tmp_path, CHECK=f"--seconds 1 --report {tmp_path}")
        assert "exit 0" in output
        assert '"error"' not in output
    else:
        RUNNERS[command](typed(command), copied(default_home, tmp_path), tmp_path)


def copied(home: Path, folder: Path) -> Path:
    """A copy of a BentoML home with the default model: what a command keeps, no other one finds."""
    return Path(shutil.copytree(home, folder / "home"))


def run_it(command: str, home: Path, folder: Path) -> None:
    assert "exit 0" in shell(command, home, folder)


def convert_resnet50(command: str, home: Path, folder: Path) -> None:
    assert "exit 0" in shell(command, home, folder)
    (saved,) = (home / "models" / MODEL_NAME).glob("resnet50-fp32-*")
    spec = ModelSpec.load(saved)
    assert spec.architecture == "resnet50"
    assert not spec.weights.pretrained
    assert spec.preprocessing.resize_size == Size.square(232)
    assert spec.verification.max_abs_diff <= 1e-4
    assert spec.verification.top1_agreement == 1.0


def run_with_kubectl(command: str, home: Path, folder: Path) -> None:
    path = f"{kubectl().parent}{os.pathsep}{os.environ['PATH']}"
    assert "exit 0" in shell(command, home, folder, PATH=path)


def prepare_the_newest_bento(command: str, home: Path, folder: Path) -> None:
    assert "exit 0" in shell(f"{ACTIVATE}; bentoml build", home, folder)
    upload = str(folder / "upload")
    output = shell(command.replace("build/cerebrium", upload), home, folder)
    assert output == f"now: cd {upload} && cerebrium deploy\nexit 0"


def serve_it(command: str, home: Path, folder: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    command = re.sub("--port [0-9]+", f"--port {url.rpartition(':')[2]}", command)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*ENDS_WITH_US, "bash", "-c", command],
            cwd=PROJECT,
            env=reader(home, folder, PORT=url.rpartition(":")[2]),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = Server(url, process, folder / "log", folder)
    try:
        wait_until_ready(server)
        image = (PROJECT / "test_images/coffee.jpg").read_bytes()
        assert httpx.post(url + "/classify", content=image).status_code == 200
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(40)


def delete_it(command: str, home: Path, folder: Path) -> None:
    assert "exit 0" in shell(command, home, folder)
    assert "[]" in shell(f"{ACTIVATE}; bentoml models list --output json", home, folder)


def offline(command: str, home: Path, folder: Path) -> None:
    """Nobody listens at this proxy: as without a network."""
    nowhere = "http://127.0.0.1:9"
    output = shell(command, home, folder, http_proxy=nowhere, https_proxy=nowhere)
    assert "put that file at weights/checkpoints/resnet50-11ad3fa6.pth" in output
    assert "Traceback" not in output
    assert "exit 2" in output


def own_sigmoid(command: str, home: Path, folder: Path) -> None:
    torch = pytest.importorskip("torch")
    torchvision = pytest.importorskip("torchvision")
    torch.save(torchvision.models.resnet18(num_classes=1).state_dict(), folder / "my_model.pth")
    (folder / "my_labels.txt").write_text("good\nbad\n")
    output = shell(command.replace("my_", f"{folder}/my_"), home, folder)
    assert "image_classifier:resnet18-fp32-" in output
    assert "exit 0" in output


def calibrate_it(command: str, home: Path, folder: Path) -> None:
    (folder / "my_photographs/espresso").mkdir(parents=True)
    for index in range(40):
        target = folder / f"my_photographs/espresso/{index}.jpg"
        shutil.copy(PROJECT / "test_images/coffee.jpg", target)
    output = shell(f"{ACTIVATE}; {command.replace('my_', f'{folder}/my_')}", home, folder)
    assert "threshold " in output
    # All of them are right: no temperature is low enough.
    stored = "error: not stored: the best temperature is the last one" in output
    assert stored == ("--store" in command)


def evaluate_it(command: str, home: Path, folder: Path) -> None:
    (folder / "my_photographs/espresso").mkdir(parents=True)
    shutil.copy(PROJECT / "test_images/coffee.jpg", folder / "my_photographs/espresso")
    output = shell(re.sub(r"\b(my_|mistakes)", rf"{folder}/\1", command), home, folder)
    assert "top-1              100.00% of 1 labelled photographs" in output
    assert "exit 0" in output
    assert (folder / "mistakes.html").exists()


def explain_it(command: str, home: Path, folder: Path) -> None:
    output = shell(command.replace("explained.png", str(folder / "explained.png")), home, folder)
    assert "preprocessing: resize 256 (shortest_side), crop 224, bicubic by Pillow, rgb" in output
    assert "exit 0" in output
    assert (folder / "explained.png").exists()


def classify_a_folder(command: str, home: Path, folder: Path) -> None:
    (folder / "my_photographs").mkdir()
    shutil.copy(PROJECT / "test_images/coffee.jpg", folder / "my_photographs")
    command = re.sub(r"\b(my_photographs|predictions\.|sheet\.)", rf"{folder}/\1", command)
    output = shell(command, home, folder)
    assert (folder / "sheet.html").exists() == ("--contact-sheet" in command)
    assert output.splitlines()[-2:] == [f"{folder}/predictions.parquet: 1 photographs", "exit 0"]


RUNNERS: dict[str, Callable[[str, Path, Path], None]] = {
    next(command for command in commands() if "--activation" in command): own_sigmoid,
    ACTIVATE: run_it,
    "bentoml serve service:ImageClassifier --host 127.0.0.1 --port 3001": serve_it,
    "make serve MODEL=resnet50": offline,
    "python -m conversion.convert_to_onnx --architecture efficientnet_lite0": run_it,
    "python -m conversion.convert_to_onnx --architecture resnet50 --random-weights 0": (
        convert_resnet50
    ),
    "python -m conversion.convert_to_onnx --architecture resnet18 --random-weights 0 "
    "--resize 224x224 --crop 224": run_it,
    "python -m conversion.explain_preprocessing image_classifier:latest test_images/coffee.jpg "
    "--output explained.png": explain_it,
    "python -m conversion.evaluate my_photographs --html mistakes.html": evaluate_it,
    "python -m batch my_photographs --output predictions.parquet": classify_a_folder,
    "python -m batch my_photographs --output predictions.parquet --contact-sheet sheet.html": (
        classify_a_folder
    ),
    "python -m conversion.evaluate my_photographs --at-precision 0.95": calibrate_it,
    "python -m conversion.evaluate my_photographs --at-precision 0.95 --store": calibrate_it,
    "bentoml models list --output json": run_it,
    "bentoml models get image_classifier:latest": run_it,
    f"bentoml models delete --yes {DEFAULT_TAG}": delete_it,
    "python -m deploy.cerebrium.prepare build/cerebrium": prepare_the_newest_bento,
    "kubectl kustomize deploy/kubernetes/overlays/cpu": run_with_kubectl,
    "kubectl kustomize deploy/kubernetes/overlays/gpu": run_with_kubectl,
}


@pytest.mark.slow
def test_the_python_example_runs(
    default_server: Server, default_home: Path, tmp_path: Path
) -> None:
    (example,) = blocks("python")
    script = tmp_path / "example.py"
    script.write_text(example.replace(README_URL, default_server.url))
    assert README.index(ACTIVATE) < README.index("```python")
    output = shell(f"{ACTIVATE}; python {script}", default_home, tmp_path)
    assert output == "espresso\ncpu\nexit 0"


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 1])
def test_other_servers_clients_run(
    default_server: Server, default_home: Path, tmp_path: Path, number: int
) -> None:
    example = blocks("python", DOCS["protocols.md"])[number]
    script = tmp_path / "example.py"
    own = default_server.url.removeprefix("http://")
    script.write_text(example.replace("127.0.0.1:3000", own))
    output = shell(f"{ACTIVATE}; python {script}", default_home, tmp_path)
    assert "espresso" in output
    assert output.endswith("exit 0")


@pytest.mark.slow
def test_the_answer_shown_is_the_answer_given(default_server: Server) -> None:
    shown = json.loads(blocks("json")[0].replace(", …]", "]"))
    image = (PROJECT / "test_images/coffee.jpg").read_bytes()
    given = httpx.post(default_server.url + "/classify", content=image).json()
    assert set(given) == set(shown)
    assert (given["class_id"], given["label"]) == (shown["class_id"], shown["label"])
    assert given["confidence"] == pytest.approx(shown["confidence"], abs=1e-3)
    assert given["predictions"][1]["label"] == shown["predictions"][1]["label"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "photograph"), [("explain.md", "coffee.jpg"), ("decisions.md", "chelsea.jpg")]
)
def test_documents_show_the_confidence_that_is_given(
    default_server: Server, page: str, photograph: str
) -> None:
    shown = re.search(r'"confidence":([\d.]+)', blocks("json", DOCS[page])[0])
    assert shown is not None
    image = (PROJECT / "test_images" / photograph).read_bytes()
    given = httpx.post(default_server.url + "/classify", content=image).json()
    assert given["confidence"] == pytest.approx(float(shown[1]), abs=1e-4)
