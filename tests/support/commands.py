"""Commands as a user types them in the project's folder."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from unittest import mock

from bentoml_cli.serve import build_serve_command

from harness.servers import PROJECT

Completed = subprocess.CompletedProcess[str]

_SECONDS = 900.0

# As if everything was installed: a test is no place to install it.
_MAKE = ("make", "-o", ".venv/bin/.serving")


def run(command: Sequence[str | Path], variables: Mapping[str, str] | None = None) -> Completed:
    """Run a command to its end.

    Args:
        command: and its arguments.
        variables: of its environment; this process's own by default.
    """
    return subprocess.run(
        command,
        cwd=PROJECT,
        env=variables,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )


def python(*arguments: str | Path, variables: Mapping[str, str] | None = None) -> str:
    """Run Python, which must end well; what it prints."""
    done = run([sys.executable, *arguments], variables)
    assert done.returncode == 0, done.stderr
    return done.stdout


def make(*arguments: str, variables: Mapping[str, str]) -> Completed:
    """Run make by itself, also where it is make that runs the tests."""
    own = {name: value for name, value in variables.items() if "MAKE" not in name}
    return run([*_MAKE, *arguments], own)


def grace_of(arguments: Sequence[str]) -> int:
    """Seconds that ``bentoml serve`` with these options gives requests in flight."""
    # It configures logging for its own process, and so disables every logger of this one.
    with mock.patch("logging.config.dictConfig"):
        command = build_serve_command().commands["serve"]
        with command.make_context("serve", list(arguments)) as context:
            return int(context.params["timeout_graceful_shutdown"])
