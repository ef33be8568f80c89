"""A part of a run: photographs → rows."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from batch.classification.decoding import Content
from batch.classification.model import Arrangement, Model
from batch.photographs.inputs import Source
from batch.photographs.reading import Reader
from batch.rows.row import Rows, table
from inference.answers.decision import thresholds_for
from model_spec import ModelSpec
from settings import Settings


class Part(NamedTuple):
    """Photographs that are classified together."""

    number: int  # of the part, from 0
    entries: list[str]  # that name the photographs


@dataclass(frozen=True)
class Job:
    """How every part is classified; it is sent to other processes."""

    source: Source
    tag: str
    folder: Path  # of the model's files
    settings: Settings  # the service's
    top_k: int  # predictions in a row
    embedding: bool  # whether a row has one
    arrangement: Arrangement  # of one process
    threshold: float | None = None  # least confidence of a decision; None: the model's own, if any


class PartClassifier:
    """Makes the rows of parts, one part after the other; the model is loaded as ``Model`` is."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._model = Model(
            job.tag, job.folder, job.settings, job.arrangement, embeddings=job.embedding
        )
        self._rows = _rows(job, self._model.session.spec)
        self._reader = Reader(job.source, self._model.max_bytes)
        # With threads that decode, one batch is decoded while another is classified.
        self._batches_at_once = 2 if job.arrangement.decode_threads else 1

    async def rows_of(
        self, part: Part, *, apart: bool = False, progressed: Callable[[], object] = lambda: None
    ) -> pa.Table:
        """The rows of a part, in the order of its entries; ``progressed`` is called after a batch.

        With ``apart`` every image is decoded in the isolated process.
        """
        contents = self._reader.contents(part.entries)
        size = self._job.arrangement.batch_size
        running: deque[asyncio.Task[list[dict[str, Any]]]] = deque()
        rows: list[dict[str, Any]] = []
        for start in range(0, len(part.entries), size):
            entries = part.entries[start : start + size]
            batch = list(islice(contents, len(entries)))
            running.append(asyncio.create_task(self._classified(entries, batch, apart=apart)))
            if len(running) == self._batches_at_once:
                rows += await running.popleft()
            progressed()
        for each in running:
            rows += await each
        return table(rows, self._rows.schema())

    async def close(self) -> None:
        """End threads and processes."""
        self._reader.close()
        await self._model.close()

    async def _classified(
        self, entries: Sequence[str], contents: Sequence[Content], *, apart: bool
    ) -> list[dict[str, Any]]:
        outcomes = await self._model.classify(contents, apart=apart)
        return [self._rows.row(*each) for each in zip(entries, contents, outcomes, strict=True)]


def _rows(job: Job, spec: ModelSpec) -> Rows:
    values = spec.thresholds if job.threshold is None else (job.threshold,)
    return Rows(
        model=job.tag,
        labels=spec.labels,
        top_k=job.top_k,
        embedding=job.embedding,
        thresholds=thresholds_for(values, len(spec.labels)),
        multi_label=spec.multi_label,
    )
