"""Programs that are not Python's."""

import shutil

import pytest


def program(name: str, package: str) -> str:
    """The path of a program; without it the test is skipped, and pytest's summary says so.

    Args:
        name: of the program.
        package: Debian's, that has it.
    """
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"NOT TESTED: {name} is not installed (apt-get install {package})")
    return path
