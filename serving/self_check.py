"""At its start a worker sends itself a request: it is ready if the answer is right."""

import asyncio
import contextlib
import json
import logging
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from socket import socket
from typing import Any

from errors import BodyTooLarge, ExtremeAspectRatio, ImageTooLarge, ModelUnavailable
from model_spec import ModelSpec
from serving.compat.uvicorn_server import WorkerServer
from serving.golden import check_golden
from settings import Settings

logger = logging.getLogger("image_classifier")

# The operator's limits may be below the golden image.
_OF_LIMITS = {error.code for error in (BodyTooLarge, ImageTooLarge, ExtremeAspectRatio)}

# Clients' images may be decoded scaled, which moves probabilities a little.
_SCALED_DECODE_TOLERANCE = 0.1

# More than the deadline, after which the service answers 504.
_MORE_SECONDS = 5.0


async def check_over_http(spec: ModelSpec, folder: Path, settings: Settings) -> None:
    """Send the golden image through this worker's own server.

    Raises:
        ModelUnavailable: the answer is not the golden one.
    """
    server = WorkerServer.running
    if server is None:
        logger.warning("the golden image is not checked over HTTP: this is not the usual server")
        return
    image = (folder / spec.golden.file).read_bytes()
    async with server.connected() as client:
        client.settimeout(settings.deadline + _MORE_SECONDS)
        try:
            status, answer = await asyncio.to_thread(_ask, client, image, spec, settings)
        except (OSError, HTTPException, ValueError) as error:
            raise ModelUnavailable(f"no answer over HTTP to the golden image: {error!r}") from error
    _check(spec, status, answer)


def _ask(
    client: socket, image: bytes, spec: ModelSpec, settings: Settings
) -> tuple[int, dict[str, Any]]:
    http = HTTPConnection("localhost")
    http.sock = client
    headers: dict[str, str | bytes] = {"connection": "close", "x-request-id": "self-check"}
    if settings.keys:
        headers["x-api-key"] = settings.keys[0].encode()
    with contextlib.suppress(ConnectionError):  # refused before all of it was sent
        http.request("POST", f"/classify?top_k={len(spec.labels)}", image, headers)
    response = http.getresponse()
    return response.status, json.loads(response.read())


def _check(spec: ModelSpec, status: int, answer: dict[str, Any]) -> None:
    if status != HTTPStatus.OK:
        error = answer["error"]
        if error["code"] not in _OF_LIMITS:
            raise ModelUnavailable(f"the golden image got {status} over HTTP: {error['message']}")
        logger.warning("the golden image is over the limits, its answer was not checked")
        return
    found = {each["class_id"]: each["confidence"] for each in answer["predictions"]}
    check_golden(
        spec.golden,
        found[spec.golden.class_id],
        answer["confidence"],
        more_tolerance=_SCALED_DECODE_TOLERANCE,
    )
