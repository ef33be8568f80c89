"""A decoding process of its own, asked once or several times."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import psutil

from errors import ClassifierError
from harness.images import preprocessing, save, textured
from hostile.images.files import BOMBS
from preprocessing import DecodeLimits, decode_scaled, transform
from preprocessing.budget import DecodeBudget
from preprocessing.isolated.decoder import IsolatedDecoder
from preprocessing.isolated.messages import Setup

LIMITS = DecodeLimits(max_pixels=25_000_000, max_aspect_ratio=20.0)
WANTED = preprocessing(64, 48)
MEGABYTE = 1_000_000
DEAR = BOMBS["JPEG of 25 MP with 5,000 scans"].make()
GIF = save(textured(90, 70), "GIF")


@asynccontextmanager
async def decoder(memory_bytes: int = 300 * MEGABYTE) -> AsyncIterator[IsolatedDecoder]:
    setup = Setup(
        preprocessing=WANTED,
        limits=LIMITS,
        least_side=160,
        memory_bytes=memory_bytes,
        max_encoded_bytes=20 * MEGABYTE,
    )
    isolated = IsolatedDecoder(setup)
    isolated.start()
    try:
        yield isolated
    finally:
        await isolated.close()


def run(
    test: Callable[[IsolatedDecoder], Awaitable[Any]], memory_bytes: int = 300 * MEGABYTE
) -> Any:
    async def with_decoder() -> Any:
        async with decoder(memory_bytes) as isolated:
            return await test(isolated)

    return asyncio.run(with_decoder())


async def ask(
    isolated: IsolatedDecoder, encoded: bytes, *, budget: float = 30.0, seconds: float = 60.0
) -> Any:
    """Pixels, or the error."""
    try:
        deadline = time.monotonic() + seconds
        return (await isolated.picture(encoded, DecodeBudget(budget), deadline)).pixels
    except ClassifierError as error:
        return error


def here(encoded: bytes) -> np.ndarray[Any, Any]:
    decoded = decode_scaled(encoded, LIMITS, 160)
    return transform(decoded.image, WANTED, decoded.box)


def processes_of(isolated: IsolatedDecoder) -> list[psutil.Process]:
    """Its keeper and, behind it, the decoding process."""
    assert isolated._process is not None
    keeper = psutil.Process(isolated._process.keeper.pid)
    return [keeper, *keeper.children()]
