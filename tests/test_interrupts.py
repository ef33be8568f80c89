import os
import sys
from pathlib import Path

import pytest

from tests.support.commands import run

COMMANDS = {
    "conversion.convert_to_onnx": "numpy",
    "conversion.explain_preprocessing": "numpy",
    "conversion.evaluate": "numpy",
    "conversion.store": "bentoml",
    "batch": "psutil",
    "inference.doctor": "onnxruntime",
    "serving.workers.address": "click",
    "serving.workers.model_store": "bentoml",
    "deployment_check": "httpx",
    "resilience.faults": "psutil",
    "resilience.overload": "numpy",
    "resilience.soak": "psutil",
    "hostile": "numpy",
    "hostile.costliest": "numpy",
    "hostile.fuzz": "numpy",
    "benchmarks": "numpy",
    "benchmarks.tune": "numpy",
    "docs.screenshot": "PIL",
    "deploy.cerebrium.prepare": "bentoml",
    "deploy.simulation": "numpy",
}
"""Each with a library that it imports before it does anything."""


@pytest.mark.parametrize("command", COMMANDS)
def test_ctrl_c_ends_a_command_in_one_line_even_while_it_imports(
    command: str, tmp_path: Path
) -> None:
    (tmp_path / f"{COMMANDS[command]}.py").write_text("raise KeyboardInterrupt")
    done = run([sys.executable, "-m", command], {**os.environ, "PYTHONPATH": str(tmp_path)})
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")


def test_an_import_that_ctrl_c_broke_is_ctrl_c(tmp_path: Path) -> None:
    (tmp_path / "bentoml.py").write_text("raise ImportError from KeyboardInterrupt()")
    variables = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = run([sys.executable, "-m", "conversion.store"], variables)
    assert (done.returncode, done.stderr) == (130, "interrupted\n")


def test_other_exceptions_of_a_command_are_shown_as_ever(tmp_path: Path) -> None:
    (tmp_path / "bentoml.py").write_text("raise RuntimeError('why')")
    variables = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = run([sys.executable, "-m", "conversion.store"], variables)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "RuntimeError: why")


def test_a_program_that_imports_a_package_keeps_its_own_hook() -> None:
    script = "import sys, batch; print(sys.excepthook is sys.__excepthook__)"
    assert run([sys.executable, "-c", script]).stdout == "True\n"


def test_a_process_started_in_the_block_does_not_see_ctrl_c() -> None:
    script = (
        "import multiprocessing, signal\n"
        "from interrupts import interrupting_only_this_process\n"
        "from signal import SIG_BLOCK, SIGINT, pthread_sigmask\n"
        "if __name__ == '__main__':\n"
        "    with interrupting_only_this_process():\n"
        "        pool = multiprocessing.get_context('spawn').Pool(1)\n"
        "    with pool:\n"
        "        print(SIGINT in pool.apply(pthread_sigmask, (SIG_BLOCK, ())))\n"
        "    print(SIGINT in pthread_sigmask(SIG_BLOCK, ()))\n"
    )
    assert run([sys.executable, "-c", script]).stdout == "True\nFalse\n"
