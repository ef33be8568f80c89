"""Ctrl-C ends a command in one line, also while its modules are imported."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from types import TracebackType

INTERRUPTED = 130
"""Exit status of a command after Ctrl-C, as shells count SIGINT."""


def end_in_one_line_after_ctrl_c() -> None:
    """Have Ctrl-C end this command with one line and ``INTERRUPTED``.

    A package's ``__init__.py`` calls it first. It does nothing where ``python -m`` does not run a
    module of the package.
    """
    if sys.argv[:1] == ["-m"]:  # documented: Python has not found the module yet
        sys.excepthook = _told


def _told(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    # A C extension may turn a KeyboardInterrupt into an ImportError.
    cause: BaseException | None = error
    while cause and not isinstance(cause, KeyboardInterrupt):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        sys.__excepthook__(kind, error, traceback)
        return
    sys.stderr.write("interrupted\n")
    raise SystemExit(INTERRUPTED)


@contextmanager
def interrupting_only_this_process() -> Iterator[None]:
    """Keep Ctrl-C from the processes that the block starts: this process ends them.

    Ctrl-C reaches every process of the terminal; a new one inherits the blocked signal.
    """
    resource_tracker.ensure_running()  # multiprocessing starts it first, and unblocks the signal
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
