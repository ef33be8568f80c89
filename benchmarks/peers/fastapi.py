"""FastAPI with several uvicorn workers, on uvloop and httptools.

Each worker has one thread's work to do at a time, so the endpoint does it on the spot: a
thread pool (``def`` instead of ``async def``) would only make threads wait for each other.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from benchmarks.measurement.core import Core
from benchmarks.peers import given


@asynccontextmanager
async def load_model(app: FastAPI) -> AsyncIterator[None]:
    """Before the first request."""
    app.state.core = Core(given.MODEL)
    yield


app = FastAPI(lifespan=load_model)


@app.post("/classify")
async def classify(request: Request) -> JSONResponse:
    """The raw body is the image."""
    (answer,) = app.state.core.classify([await request.body()])
    return JSONResponse(answer)


if __name__ == "__main__":
    uvicorn.run(
        "benchmarks.peers.fastapi:app",
        host="127.0.0.1",
        port=given.PORT,
        workers=given.WORKERS,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )
