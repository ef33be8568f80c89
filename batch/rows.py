"""What a run says of each photograph: one row, whatever became of it."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from batch.model import Answer, Content
from errors import ClassifierError
from inference.answers.embedding import EmbeddingForm, told
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
"""Columns of every output; docs/batch.md says what each of them holds."""


def schema(*, embedding: bool) -> pa.Schema:
    """The columns, with that of the embedding if it is wanted."""
    return SCHEMA.append(pa.field("embedding", pa.list_(pa.float32()))) if embedding else SCHEMA


def table(rows: Sequence[Mapping[str, Any]], columns: pa.Schema = SCHEMA) -> pa.Table:
    """Rows as one table; what a row leaves out is null."""
    return pa.Table.from_pylist(list(rows), schema=columns)


def printable(entry: str) -> str:
    """An entry as text: file names may have bytes that are no UTF-8."""
    return os.fsencode(entry).decode(errors="backslashreplace")


def row(  # noqa: PLR0913
    entry: str,
    content: Content,
    outcome: Answer | ClassifierError,
    *,
    labels: Sequence[str],
    top_k: int,
    model: str,
) -> dict[str, Any]:
    """The row of one photograph.

    Args:
        entry: that names it.
        content: its file, or why there is none.
        outcome: what became of it.
        labels: of the classes.
        top_k: predictions wanted.
        model: tag.
    """
    found: dict[str, Any] = {"path": printable(entry), "model": model}
    if not isinstance(content, ClassifierError):
        found["sha256"] = hashlib.sha256(content).hexdigest()
    if isinstance(outcome, ClassifierError):
        return found | {"error_code": outcome.code, "error_message": outcome.message}
    assert not isinstance(content, ClassifierError)
    width, height = stored_size(content)
    answer = prediction(outcome.probabilities, labels, top_k)
    if outcome.embedding is not None:
        answer["embedding"] = told(outcome.embedding, EmbeddingForm.LIST, normalised=False)
    return found | answer | {"width": width, "height": height}
