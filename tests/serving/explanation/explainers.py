"""Explainers of toy models, in event loops of their own."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from inference import open_session
from inference.batching.batch_size import Sizes
from serving.classifier import Classifier
from serving.explanation.explainer import Explainer
from serving.workers.sizing import runner_options
from settings import Device, Settings

Use = Callable[[Explainer], Awaitable[Any]]


def with_explainer(folder: Path, use: Use, **chosen: Any) -> Any:
    """Start a toy in an event loop of its own, with chosen settings, use it, close it."""

    async def run() -> Any:
        settings = Settings(**chosen)
        session = open_session(folder, Device.CPU, intra_op_threads=1)
        options = runner_options(settings, Device.CPU, lambda: Sizes(4, 4))
        classifier = Classifier("image_classifier:toy", session, options, settings)
        found = Explainer(classifier, folder, settings)
        try:
            classifier.start(folder)
            return await use(found)
        finally:
            await found.close()
            await classifier.close()

    return asyncio.run(run())


def soon() -> float:
    """A deadline that no toy misses."""
    return time.monotonic() + 20
