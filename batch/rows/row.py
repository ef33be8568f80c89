"""The row of a photograph, also of one that was not classified."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from batch.classification.decoding import Content
from batch.classification.model import Answer
from errors import ClassifierError
from inference.answers.decision import Thresholds, decision
from inference.answers.embedding import EmbeddingForm, as_json
from inference.answers.top_k import prediction
from preprocessing import stored_size

_PREDICTION = pa.struct(
    [("class_id", pa.int32()), ("label", pa.string()), ("confidence", pa.float64())]
)

SCHEMA = pa.schema(
    [
        ("path", pa.string()),
        ("class_id", pa.int32()),
        ("label", pa.string()),
        ("confidence", pa.float64()),
        ("predictions", pa.list_(_PREDICTION)),
        ("error_code", pa.string()),
        ("error_message", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("sha256", pa.string()),
        ("model", pa.string()),
    ]
)
"""Columns of every output; docs/batch.md describes them, and the optional ones."""


def table(rows: Sequence[Mapping[str, Any]], columns: pa.Schema = SCHEMA) -> pa.Table:
    """Rows as one table; missing values are null."""
    return pa.Table.from_pylist(list(rows), schema=columns)


def printable(entry: str) -> str:
    """An entry as text: file names may have bytes that are not UTF-8."""
    return os.fsencode(entry).decode(errors="backslashreplace")


@dataclass(frozen=True)
class Rows:
    """Makes the rows of a run."""

    model: str  # tag
    labels: Sequence[str]
    top_k: int  # predictions in a row
    embedding: bool = False  # whether a row has one
    thresholds: Thresholds | None = None  # for a decision; None: a row has none
    multi_label: bool = False  # whether a decision is a list: a photograph may show several

    def schema(self) -> pa.Schema:
        """The columns."""
        found = SCHEMA
        if self.thresholds is not None:
            decided = pa.list_(pa.string()) if self.multi_label else pa.string()
            found = found.append(pa.field("decision", decided))
            found = found.append(pa.field("reason", pa.string()))
        if self.embedding:
            found = found.append(pa.field("embedding", pa.list_(pa.float32())))
        return found

    def row(
        self, entry: str, content: Content, outcome: Answer | ClassifierError
    ) -> dict[str, Any]:
        """The row of one photograph."""
        found: dict[str, Any] = {"path": printable(entry), "model": self.model}
        if not isinstance(content, ClassifierError):
            found["sha256"] = hashlib.sha256(content).hexdigest()
        if isinstance(outcome, ClassifierError):
            return found | {"error_code": outcome.code, "error_message": outcome.message}
        assert not isinstance(content, ClassifierError)
        width, height = stored_size(content)
        return found | self._answer(outcome) | {"width": width, "height": height}

    def _answer(self, outcome: Answer) -> dict[str, Any]:
        answer = prediction(outcome.probabilities, self.labels, self.top_k)
        if self.thresholds is not None:
            answer |= decision(
                outcome.probabilities, self.thresholds, self.labels, multi_label=self.multi_label
            )
        if outcome.embedding is not None:
            answer["embedding"] = as_json(outcome.embedding, EmbeddingForm.LIST, normalised=False)
        return answer
