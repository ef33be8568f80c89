"""``python -m serving.address HOST PORT``: can a server listen there? If not, why not."""

import ipaddress
import socket
import sys
from collections.abc import Sequence

_LARGEST_PORT = 65535


def problem_with(host: str, port: str) -> str | None:
    """What keeps a server from listening at an address; None if nothing does."""
    try:
        if int(port) > _LARGEST_PORT:
            return f"the largest port is {_LARGEST_PORT}"
        is_v6 = isinstance(ipaddress.ip_address(host), ipaddress.IPv6Address)
        family = socket.AF_INET6 if is_v6 else socket.AF_INET
        with socket.create_server((host, int(port)), family=family):
            return None
    except ValueError as error:
        return str(error)
    except OSError as error:
        return error.strerror or str(error)


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    host, port = arguments
    problem = problem_with(host, port)
    if problem:
        print(f"error: cannot listen on {host}:{port}: {problem}", file=sys.stderr)
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
