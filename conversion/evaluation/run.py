"""Classifies a folder of photographs with one model or two."""

import asyncio
import heapq
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from batch.classification.decoding import Content
from batch.classification.model import Answer, Arrangement, Model
from batch.contact_sheet.cards import MAX_MISTAKES, jpeg_of
from batch.files import read_file
from conversion.evaluation.calibration import curve
from conversion.evaluation.labels import Photograph
from conversion.evaluation.scores import TOP, Prediction
from conversion.progress import Advance
from errors import ClassifierError
from inference.answers.top_k import best_classes
from inference.hardware.cpus import usable_cpus
from settings import Settings

BATCH = 16
"""Photographs that are read, decoded and classified together, and so held in memory at once."""


class Mistake(NamedTuple):
    """A photograph whose most probable class is wrong.

    Attributes:
        confidence: in that class.
        class_id: that it shows.
        own_confidence: in the class that it shows.
        jpeg: what the model saw.
    """

    confidence: float
    name: str
    class_id: int
    own_confidence: float
    best: tuple[tuple[int, float], ...]
    jpeg: bytes


@dataclass
class Run:
    """The answers for the photographs.

    Attributes:
        predictions: of each model, for the photographs that all models classified.
        failures: names of the photographs that were not classified, by error code.
        mistakes: the most confident ones of the first model, up to ``MAX_MISTAKES``.
    """

    predictions: tuple[list[Prediction], ...]
    failures: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    mistakes: list[Mistake] = field(default_factory=list)

    @property
    def failed(self) -> str:
        """How many were not classified, by error code; empty if all were."""
        counts = [f"{code} {len(names)}" for code, names in sorted(self.failures.items())]
        return ", ".join(counts)


def opened(folder: Path, settings: Settings) -> Model:
    """A model of the model store. It has all processors: models run one after the other."""
    arrangement = Arrangement(usable_cpus(), usable_cpus(), BATCH)
    return Model(f"{folder.parent.name}:{folder.name}", folder, settings, arrangement)


async def run(photographs: Sequence[Photograph], models: Sequence[Model], advance: Advance) -> Run:
    """Classify photographs, a few at a time, so that memory does not grow with their number.

    Args:
        models: one, or two that know the same classes. They are closed.
        advance: see :data:`conversion.progress.Advance`.
    """
    found = Run(tuple([] for _ in models))
    try:
        for start in range(0, len(photographs), BATCH):
            batch = photographs[start : start + BATCH]
            await _classify(batch, models, found)
            advance(len(batch))
    finally:
        for model in models:
            await model.close()
    found.mistakes.sort(reverse=True)
    return found


async def _classify(batch: Sequence[Photograph], models: Sequence[Model], found: Run) -> None:
    most = models[0].max_bytes
    contents = [await asyncio.to_thread(content, photograph, most) for photograph in batch]
    answers = [await model.classify(contents) for model in models]
    for photograph, given in zip(batch, zip(*answers, strict=True), strict=True):
        _add(photograph, given, found)


def content(photograph: Photograph, most: int) -> Content:
    """A photograph's bytes, at most ``most``, or the error of reading it."""
    try:
        return read_file(photograph.path, most)
    except ClassifierError as error:
        return error


def _add(photograph: Photograph, given: Sequence[Answer | ClassifierError], found: Run) -> None:
    error = next((each for each in given if isinstance(each, ClassifierError)), None)
    if error is not None:
        found.failures[error.code].append(photograph.name)
        return
    answers = [each for each in given if isinstance(each, Answer)]
    for answer, predictions in zip(answers, found.predictions, strict=True):
        predictions.append(_prediction(photograph, answer))
    last = found.predictions[0][-1]
    if last.class_id is not None and not last.is_right:
        _keep(photograph.name, last.class_id, last, answers[0], found.mistakes)


def _prediction(photograph: Photograph, answer: Answer) -> Prediction:
    best = best_classes(answer.probabilities, min(TOP, len(answer.probabilities)))
    confidence = float(answer.probabilities[best[0]])
    kept = None
    if photograph.class_id is not None:
        kept = curve(answer.probabilities, photograph.class_id)
    return Prediction(photograph.class_id, tuple(best), confidence, kept)


def _keep(
    name: str, class_id: int, prediction: Prediction, answer: Answer, mistakes: list[Mistake]
) -> None:
    """Keep a mistake, if there is room or if it is more confident than another one."""
    if len(mistakes) == MAX_MISTAKES and prediction.confidence <= mistakes[0].confidence:
        return
    mistake = Mistake(
        confidence=prediction.confidence,
        name=name,
        class_id=class_id,
        own_confidence=float(answer.probabilities[class_id]),
        best=tuple((each, float(answer.probabilities[each])) for each in prediction.best),
        jpeg=jpeg_of(answer.pixels),
    )
    heapq.heappush(mistakes, mistake)
    if len(mistakes) > MAX_MISTAKES:
        heapq.heappop(mistakes)
