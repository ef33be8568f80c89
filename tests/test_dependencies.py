"""Who may import whom, and that every list of dependencies says the same."""

import ast
import os
import re
from collections.abc import Iterable
from pathlib import Path

import pytest
import tomli
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from harness.servers import PROJECT
from tests.support.commands import python

PYPROJECT = tomli.loads((PROJECT / "pyproject.toml").read_text())["project"]
SECURITY = (PROJECT / "SECURITY.md").read_text()
BENTOFILE, CPU_BENTOFILE = (
    yaml.safe_load((PROJECT / name).read_text())
    for name in ("bentofile.yaml", "bentofile.cpu.yaml")
)

ROOMS = {"batch", "conversion", "inference", "preprocessing", "serving", "service"}
MAY_IMPORT = {
    "preprocessing": set[str](),
    "inference": set[str](),
    "batch": {"inference", "preprocessing", "serving"},
    "conversion": {"batch", "inference", "preprocessing"},
    "serving": {"inference", "preprocessing"},
    "service": {"serving"},
}
ONLY_IN = {
    "torch": {"conversion"},
    "torchvision": {"conversion"},
    "timm": {"conversion"},
    "transformers": {"conversion"},
    "huggingface_hub": {"conversion"},
    "onnx": {"conversion"},
    "onnxruntime": {"inference", "conversion"},
    "openvino": {"inference"},
    "PIL": {"preprocessing", "conversion"},
    "cykooz_resizer": {"preprocessing"},
    "simplejpeg": {"preprocessing"},
    "pyarrow": {"batch"},
    "fsspec": {"batch"},
    "starlette": {"serving"},
    "bentoml": {"conversion", "serving", "service"},
}


OF_SERVING = (
    *("serving.classifier", "serving.golden", "serving.parameters"),
    *("serving.workers.model_store", "serving.workers.sizing"),
)
"""What a batch takes of serving: nothing that knows HTTP."""

SERVING = PROJECT / "serving"

FLOORS = (
    *("bento", "self_check", "page", "transport", "api", "health", "explanation", "classifier"),
    *("golden", "image_request", "parameters", "workers", "metrics", "compat"),
)
"""Of serving, from the top; each may import those below it."""

ALL_ROOMS = {file.parent.name for file in PROJECT.glob("*/__init__.py")}
TOOLS = {"benchmarks", "harness", "hostile", "resilience"}
"""They run the service on what the harness has."""

PRIVATE = ("bentoml._internal", "_bentoml_impl", "_bentoml_sdk", "circus", "uvicorn")
"""Only serving/compat may import these, or name them."""


def modules(files: Iterable[Path]) -> set[str]:
    """Names of all modules that files import, anywhere."""
    names: set[str] = set()
    for node in (node for file in files for node in ast.walk(ast.parse(file.read_text()))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def imports(room: str) -> set[str]:
    """Top-level names of everything a room imports."""
    return {name.split(".")[0] for name in modules(files_of(PROJECT / room))}


def files_of(room: Path) -> list[Path]:
    """The files of a room, or the one file that it is."""
    file = room.with_suffix(".py")
    return [file] if file.is_file() else sorted(room.rglob("*.py"))


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_imports_go_one_way(room: str) -> None:
    assert imports(room) & ROOMS - {room} <= MAY_IMPORT[room]
    for library, rooms in ONLY_IN.items():
        assert library not in imports(room) or room in rooms, library


@pytest.mark.parametrize("room", sorted(ALL_ROOMS - {"tests"}))
def test_no_room_imports_the_tests_and_only_tools_import_the_harness(room: str) -> None:
    assert imports(room) & {"tests", "harness"} <= ({"harness"} if room in TOOLS else set())


@pytest.mark.parametrize(
    ("room", "known"),
    [
        ("harness", {"conversion", "harness", "model_spec", "preprocessing"}),
        ("load_generator", {"load_generator"}),
        ("deployment_check", {"deployment_check", "load_generator", "interrupts"}),
    ],
)
def test_some_rooms_know_little_of_the_project(room: str, known: set[str]) -> None:
    assert imports(room) & {*ALL_ROOMS, *(file.stem for file in PROJECT.glob("*.py"))} == known


def test_a_batch_knows_no_http() -> None:
    found = {name for name in modules(files_of(PROJECT / "batch")) if name.startswith("serving")}
    assert {name for name in found if not name.startswith(OF_SERVING)} == set()


@pytest.mark.parametrize("floor", FLOORS)
def test_imports_within_serving_go_down(floor: str) -> None:
    names = modules(files_of(SERVING / floor))
    found = {name.split(".")[1] for name in names if name.startswith("serving.")}
    assert found <= set(FLOORS[FLOORS.index(floor) :])


def test_serving_has_no_other_floors_and_none_has_more_than_ten_files() -> None:
    assert {path.stem for path in SERVING.iterdir()} - {"__pycache__"} == {*FLOORS, "__init__"}
    crowded = [floor for floor in FLOORS if len(list((SERVING / floor).glob("*.py"))) > 10]
    assert crowded == []


def test_only_one_room_knows_what_is_not_public() -> None:
    rooms = ("service", "inference", "preprocessing", *(f"serving/{floor}" for floor in FLOORS))
    for room in set(rooms) - {"serving/compat"}:
        names = modules(files_of(PROJECT / room))
        assert [name for name in names if name.startswith(PRIVATE)] == [], room


@pytest.mark.slow
def test_the_service_does_not_import_torch() -> None:
    script = "import sys, service; print([n for n in ('torch', 'onnx') if n in sys.modules])"
    assert python("-c", script) == "[]\n"


@pytest.mark.parametrize("module", ["service", "conversion.graph.verify"])
@pytest.mark.slow
def test_onnx_runtime_reports_nothing_to_its_makers(module: str, tmp_path: Path) -> None:
    reports = "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "CI"
    variables = {name: value for name, value in os.environ.items() if name not in reports}
    homes = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    python("-c", f"import {module}", variables=variables | homes)
    assert not list(tmp_path.rglob(".onnxruntime"))  # where it keeps what it has not sent yet


def test_the_bento_has_the_dependencies_of_the_project() -> None:
    expected = [*PYPROJECT["dependencies"], *PYPROJECT["optional-dependencies"]["gpu"]]
    assert BENTOFILE["python"]["packages"] == expected


def test_the_bento_for_cpus_has_them_with_the_small_onnx_runtime() -> None:
    expected = [
        each.partition(";")[0] if each.startswith("onnxruntime") else each
        for each in PYPROJECT["dependencies"]
        if Requirement(each).name != "onnxruntime-gpu"
    ]
    assert CPU_BENTOFILE["python"]["packages"] == expected


def test_the_bentos_differ_in_nothing_else() -> None:
    packages = BENTOFILE["python"]["packages"]
    cpu = {"name": "CLASSIFIER_DEVICE", "value": "cpu"}
    assert {
        **CPU_BENTOFILE,
        "python": {**CPU_BENTOFILE["python"], "packages": packages},
        "envs": [env for env in CPU_BENTOFILE["envs"] if env != cpu],
    } == BENTOFILE
    assert cpu in CPU_BENTOFILE["envs"]


def test_the_bento_has_the_rooms_of_the_service_and_no_others() -> None:
    included = {Path(pattern).parts[1].removesuffix(".py") for pattern in BENTOFILE["include"]}
    assert included == {
        "service",
        "errors",
        "interrupts",
        "model_checks",
        "model_comparison",
        "model_spec",
        "preprocessing_spec",
        "settings",
        "inference",
        "preprocessing",
        "serving",
    }


def test_the_changelog_begins_with_this_version() -> None:
    lines = (PROJECT / "CHANGELOG.md").read_text().splitlines()
    newest = next(line for line in lines if line.startswith("## "))
    assert newest.split()[1] == PYPROJECT["version"]


def test_known_advisories_are_below_the_lower_bounds() -> None:
    rows = re.findall(r"^\| ([\w-]+) \| CVE.*\| ([\d.]+)", SECURITY, flags=re.MULTILINE)
    assert len(rows) == 9
    wanted = [*PYPROJECT["dependencies"], *PYPROJECT["optional-dependencies"]["convert"]]
    requirements = {each.name: each.specifier for each in map(Requirement, wanted)}
    for package, mended in rows:
        least = next(each.version for each in requirements[package] if each.operator == ">=")
        assert Version(least) >= Version(mended), package
