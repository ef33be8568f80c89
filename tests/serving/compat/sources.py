"""The functions of uvicorn, BentoML and circus that serving/compat overrides or relies on.

Run as a script it prints a hash of each one's source, as JSON.
"""

import hashlib
import inspect
import json
from collections.abc import Callable
from typing import Any

import circus.arbiter
import circus.util
import uvicorn.config
import uvicorn.server
from _bentoml_impl.worker import service as worker
from _bentoml_sdk import Service
from bentoml._internal.utils import circus as bentoml_circus

FUNCTIONS: dict[str, Callable[..., Any] | type | None] = {
    "uvicorn Config.load": uvicorn.config.Config.load,
    "uvicorn Server.__init__": uvicorn.server.Server.__init__,
    "uvicorn Server._serve": uvicorn.server.Server._serve,
    "uvicorn Server.startup": uvicorn.server.Server.startup,
    "uvicorn Server.on_tick": uvicorn.server.Server.on_tick,
    "uvicorn Server.shutdown": uvicorn.server.Server.shutdown,
    "uvicorn Server.handle_exit": uvicorn.server.Server.handle_exit,
    "uvicorn ServerState": uvicorn.server.ServerState,
    "bentoml worker's main": worker.main.callback,
    "bentoml Service.to_asgi": Service.to_asgi,
    "bentoml Service.doc": Service.doc.fget,
    "bentoml Service.openapi_spec": Service.openapi_spec.fget,
    "bentoml Service.schema": Service.schema,
    "bentoml create_standalone_arbiter": bentoml_circus.create_standalone_arbiter,
    "bentoml Arbiter": bentoml_circus.Arbiter,
    "circus Arbiter.manage_watchers": circus.arbiter.Arbiter.manage_watchers,
    "circus Arbiter.stop": circus.arbiter.Arbiter.stop,
    "circus synchronized": circus.util.synchronized,
}


def hashes() -> dict[str, str]:
    """Of the installed versions, by function."""
    return {name: _hash(function) for name, function in FUNCTIONS.items()}


def _hash(function: Any) -> str:
    return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()[:16]


if __name__ == "__main__":
    print(json.dumps(hashes()))
