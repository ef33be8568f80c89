"""What the tests of several files share: made once, and kept no longer than it is used."""

import contextlib
import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.servers import Server


class Shared:
    """The one running server that several files may share.

    It is stopped by a file that asks for another one. No file may ask for two.
    """

    def __init__(self) -> None:
        self._name = ""
        self._server: Server | None = None
        self._stack = contextlib.ExitStack()

    def server(
        self, name: str, start: Callable[[], contextlib.AbstractContextManager[Server]]
    ) -> Server:
        """The running server of a name; it is started if another one or none runs.

        Args:
            name: of the server, and of nothing else in the suite.
            start: serves until the block ends.
        """
        if self._server is None or self._name != name:
            self.stop()
            self._server = self._stack.enter_context(start())
            self._name = name
        return self._server

    def stop(self) -> None:
        """Stop the server, if one runs."""
        self._server = None
        self._stack.close()


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that the first process of this test run to ask makes, and all of them read.

    Args:
        factory: pytest's.
        name: of the folder.
        make: is given the folder, empty.
    """
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder = base / name
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            unfinished = factory.mktemp(name)
            make(unfinished)
            unfinished.rename(folder)
    return folder
