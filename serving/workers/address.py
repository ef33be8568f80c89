"""``python -m serving.workers.address HOST PORT``: checks that a server can listen there."""

import errno
import ipaddress
import logging
import socket
import sys

import click

from errors import StartupError
from serving.compat.bentoml_parts import default_address
from serving.workers.command import status_of

_LARGEST_PORT = 65535

# In place of the system's words.
_REASONS = {
    errno.EADDRINUSE: "another program listens there; stop it or choose another port",
    errno.EADDRNOTAVAIL: "this machine does not have that address",
    errno.EACCES: "this user may not listen on that port; choose one from 1024",
}

# BentoML logs here where it listens.
_bentoml_logger = logging.getLogger("bentoml.serve")


def in_url(host: str) -> str:
    """A host as it stands in a URL: IPv6 addresses in brackets."""
    return f"[{host}]" if ":" in host else host


def problem_with(host: str, port: str) -> str | None:
    """Why a server cannot listen at an address; None if it can."""
    number = int(port) if port.isascii() and port.isdecimal() else -1
    if not 0 <= number <= _LARGEST_PORT:
        return f"a port is a whole number from 0 to {_LARGEST_PORT}"
    try:
        is_v6 = isinstance(ipaddress.ip_address(host), ipaddress.IPv6Address)
        family = socket.AF_INET6 if is_v6 else socket.AF_INET
        with socket.create_server((host, number), family=family):
            return None
    except ValueError:
        return f"give an IP address, such as 127.0.0.1, not {host!r}"
    except OSError as error:
        return _REASONS.get(error.errno or 0) or error.strerror or str(error)


def check_address(host: str, port: str) -> None:
    """Raise StartupError with the reason if no server could listen at an address."""
    problem = problem_with(host, port)
    if problem:
        raise StartupError(f"cannot listen on {in_url(host)}:{port}: {problem}")


def check_address_of_command() -> None:
    """Check the address that ``bentoml serve`` was given, if this process runs that command."""
    context = click.get_current_context(silent=True)
    if context is None or not {"host", "port"} <= context.params.keys():
        return
    host, port = default_address()
    host = context.params["host"] or host
    check_address(host, str(context.params["port"] or port))

    def with_brackets(record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(in_url(host) if each == host else each for each in record.args)
        return True

    _bentoml_logger.addFilter(with_brackets)


if __name__ == "__main__":
    sys.exit(status_of(check_address, sys.argv[1:]))
