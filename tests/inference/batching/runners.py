"""Runners over the toy model, and what the tests of the runner ask of them."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from prometheus_client import REGISTRY

from harness.toys import pixels, toy_preprocessing
from inference import OnnxRunner, OnnxSession, RunnerOptions
from inference.batching import metrics
from inference.batching.pipeline import Row
from inference.batching.runner import PrepareApart
from preprocessing import DecodeLimits, decode, transform
from tests.support.gates import Gate, GatedSession, later

LIMITS = DecodeLimits(max_pixels=10_000, max_aspect_ratio=20.0)

Colour = tuple[int, int, int]
Pixels = npt.NDArray[np.uint8]

Start = Callable[..., AbstractAsyncContextManager[OnnxRunner[Any, Any]]]
"""``running`` with the toy's session, and images prepared in either kind of thread."""

in_both_threads = pytest.mark.parametrize("decode_threads", [0, 2])
"""Images are prepared in the session's own thread, or ahead of it in two others."""


def gated(session: OnnxSession, **fields: Any) -> tuple[OnnxSession, GatedSession]:
    """The session with ONNX Runtime's behind a gate, and that gate."""
    inner = GatedSession(session._session)
    own: dict[str, Any] = {"_session": inner, "_create": lambda: inner, "_by_batch_size": {}}
    return dataclasses.replace(session, **own, **fields), inner


def from_bytes(image: bytes) -> Pixels:
    """As the service prepares images."""
    return transform(decode(image, LIMITS), toy_preprocessing())


async def never_apart(value: Any, deadline: float) -> Any:
    raise AssertionError("no input is left to be prepared apart")


@asynccontextmanager
async def running(  # noqa: PLR0913
    session: OnnxSession,
    prepare: Callable[[Any], Pixels | None] = pixels,
    *,
    prepare_apart: PrepareApart[Any] = never_apart,
    answer: Callable[[Any, Row], Any] = lambda _, row: row.probabilities,
    decode_threads: int = 0,
    max_batch_size: int = 4,
    max_group_size: int | None = None,
    max_batch_delay: float = 0.0,
    max_pending_images: int = 100,
    wants_embedding: Callable[[Any], bool] = lambda _: False,
) -> AsyncIterator[OnnxRunner[Any, Any]]:
    options = RunnerOptions(
        max_batch_size=max_batch_size,
        max_group_size=max_group_size or max_batch_size,
        max_batch_delay=max_batch_delay,
        max_pending_images=max_pending_images,
        decode_threads=decode_threads,
    )
    runner: OnnxRunner[Any, Any] = OnnxRunner(
        session, prepare, prepare_apart, answer, options, wants_embedding=wants_embedding
    )
    try:
        yield runner
    finally:
        await runner.close()


async def meanwhile(
    runner: OnnxRunner[Any, Any], gate: Gate, first: Any, *requests: list[Any]
) -> list[list[Any]]:
    """The answers to a request that stops at a gate, and to those that arrive meanwhile."""
    gate.shut()
    stopped = asyncio.create_task(runner.infer([first], later()))
    await gate.arrival()
    others = [asyncio.create_task(runner.infer(each, later())) for each in requests]
    await asyncio.sleep(0)
    gate.open()
    return [await each for each in (stopped, *others)]


def sample(name: str) -> float:
    metrics.write()
    return REGISTRY.get_sample_value(f"image_classifier_{name}") or 0.0


def numbers(outcomes: list[Any]) -> list[list[float]]:
    assert all(outcome.dtype == np.float32 for outcome in outcomes)
    return [outcome.tolist() for outcome in outcomes]


def exactly(*rows: tuple[float, float, float]) -> list[list[float]]:
    """The nearest float32 of each: what the toy gives, to the last bit."""
    return [[float(np.float32(value)) for value in row] for row in rows]
