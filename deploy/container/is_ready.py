"""The container's health check: exit 0 if the service in it is ready.

BentoML listens at ``BENTOML_HOST`` and ``BENTOML_PORT``. The entrypoint of its containers takes
``PORT`` first.
"""

import http.client
import os
import sys
from http import HTTPStatus

_SECONDS = 4.0  # less than the health check's timeout, so that this message is shown


def address() -> tuple[str, int]:
    """Where the service listens."""
    host = os.environ.get("BENTOML_HOST", "127.0.0.1")
    return host, int(os.environ.get("PORT") or os.environ.get("BENTOML_PORT") or 3000)


def problem() -> str | None:
    """Why the service is not ready; None if it is."""
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
