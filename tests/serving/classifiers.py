"""Classifiers and explainers of toy models, as a worker of the service has them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from errors import ClassifierError
from inference import open_session
from inference.batching.batch_size import Sizes
from preprocessing.encoded import Encoded
from serving.classifier import Classifier
from serving.explanation.explainer import Explainer
from serving.health import Monitor
from serving.parameters import DEFAULTS, Parameters
from serving.workers.sizing import runner_options
from settings import Device, Settings
from tests.support.gates import later


def toy_classifier(folder: Path, settings: Settings) -> Classifier:
    """Of the event loop that runs."""
    session = open_session(folder, Device.CPU, intra_op_threads=1)
    options = runner_options(settings, Device.CPU, lambda: Sizes(4, 4))
    return Classifier("image_classifier:toy", session, options, settings)


def monitor_of(classifier: Classifier, explainer: Explainer | None = None) -> Monitor:
    """Of a worker that can classify."""
    monitor = Monitor()
    monitor.classifier, monitor.explainer, monitor.problem = classifier, explainer, None
    return monitor


def with_classifier(
    folder: Path, use: Callable[[Classifier], Awaitable[Any]], **chosen: Any
) -> Any:
    """Start a toy in an event loop of its own, with chosen settings, use it, close it."""

    async def run() -> Any:
        classifier = toy_classifier(folder, Settings(**chosen))
        try:
            classifier.start(folder)
            return await use(classifier)
        finally:
            await classifier.close()

    return asyncio.run(run())


def with_explainer(folder: Path, use: Callable[[Explainer], Awaitable[Any]], **chosen: Any) -> Any:
    """As ``with_classifier``, with what explains its answers."""

    async def explained(classifier: Classifier) -> Any:
        explainer = Explainer(classifier, folder, Settings(**chosen))
        try:
            return await use(explainer)
        finally:
            await explainer.close()

    return with_classifier(folder, explained, **chosen)


def classified(
    folder: Path, image: bytes, parameters: Parameters = DEFAULTS, **chosen: Any
) -> dict[str, Any]:
    """A toy's answer for one image."""
    answer: dict[str, Any] = with_classifier(
        folder, lambda toy: toy.classify(image, parameters, later()), **chosen
    )
    return answer


def batch_classified(
    folder: Path,
    images: Sequence[Encoded | ClassifierError],
    parameters: Parameters,
    **chosen: Any,
) -> list[dict[str, Any]]:
    """A toy's results for the images of a batch."""
    answer = with_classifier(
        folder, lambda toy: toy.classify_batch(images, parameters, later()), **chosen
    )
    results: list[dict[str, Any]] = answer["results"]
    return results


def explained(folder: Path, image: bytes, parameters: Parameters = DEFAULTS) -> dict[str, Any]:
    """A toy's explanation of one image."""
    answer: dict[str, Any] = with_explainer(
        folder, lambda toy: toy.explain(image, parameters, later())
    )
    return answer
