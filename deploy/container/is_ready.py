"""The container's health check: exit 0 if the service in it is ready.

BentoML takes ``BENTOML_HOST`` and ``BENTOML_PORT``, and the entrypoint of its containers
lets ``PORT`` go before.
"""

import http.client
import os
import sys
from http import HTTPStatus

_SECONDS = 4.0  # less than the health check's timeout, so that this says what is wrong


def address() -> tuple[str, int]:
    """Where the service listens."""
    host = os.environ.get("BENTOML_HOST", "127.0.0.1")
    return host, int(os.environ.get("PORT") or os.environ.get("BENTOML_PORT") or 3000)


def problem() -> str | None:
    """What keeps the service from being ready; None if it is."""
    host, port = address()
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    connection = http.client.HTTPConnection(host, port, timeout=_SECONDS)
    try:
        connection.request("GET", "/readyz")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"{where}: {error}"
    finally:
        connection.close()
    return None if status == HTTPStatus.OK else f"{where}/readyz: {status}"


if __name__ == "__main__":
    sys.exit(problem())
