"""The log of a command, on standard error."""

import logging
import sys


class _ToStderr(logging.Handler):
    """Writes to ``sys.stderr`` as it is at the time of the record."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(self.format(record) + "\n")
        except Exception:
            self.handleError(record)


_HANDLER = _ToStderr()


def log_to_stderr() -> None:
    """Show the project's log; each line once, however often a command runs in a process."""
    logging.getLogger("image_classifier").addHandler(_HANDLER)
