"""Runs a check as a command: silent with status 0, or one line of error with status 1."""

import sys
from collections.abc import Callable, Sequence

from errors import StartupError


def status_of(check: Callable[..., object], arguments: Sequence[str]) -> int:
    """Run a check that raises a StartupError; returns the exit status."""
    try:
        check(*arguments)
    except StartupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0
