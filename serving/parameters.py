"""What a client may ask for beside its images: names, defaults and bounds.

Checks raise InvalidParameter.
"""

from enum import StrEnum
from typing import NamedTuple

from errors import InvalidParameter, shortened
from inference.answers.embedding import EmbeddingForm

EMBEDDING_FORMS = (EmbeddingForm.LIST.value, EmbeddingForm.BASE64.value)
"""Beside true, which means the first, and false."""

DEFAULT_TOP_K = 5

MAX_CLASSES = 20
"""Of one explanation: each takes some milliseconds to draw."""


class MapForm(StrEnum):
    """How responses have a map."""

    VALUES = "values"
    PNG = "png"


class Parameters(NamedTuple):
    """Of a request; None where the client leaves it to the service or the model.

    Attributes:
        top_k: how many classes are wanted.
        threshold: least confidence of a decision, for all classes.
        embedding: its form; by default there is none.
        normalised: whether the embedding is divided by its length; by default not.
        explain: whether an answer of ``/classify`` has the explanation; by default not.
        class_ids: classes to explain instead of the best ones.
        map: form of the maps of an explanation.
    """

    top_k: int | None = None
    threshold: float | None = None
    embedding: EmbeddingForm | None = None
    normalised: bool | None = None
    explain: bool | None = None
    class_ids: tuple[int, ...] | None = None
    map: MapForm | None = None


TOP_K, THRESHOLD, EMBEDDING, NORMALISED, EXPLAIN, CLASS_IDS, MAP = Parameters._fields
"""Their names in all requests."""

DEFAULTS = Parameters()
"""Of a request that names none."""


def checked_top_k(top_k: int) -> int:
    """The ``top_k``, unless it is below 1; more than the model has classes means all of them."""
    if top_k < 1:
        raise InvalidParameter(f"{TOP_K} must be at least 1, not {shortened(top_k)}")
    return top_k


def checked_threshold(threshold: float) -> float:
    """The threshold, if it is from 0 to 1."""
    if not 0 <= threshold <= 1:
        raise InvalidParameter(f"{THRESHOLD} must be from 0 to 1, not {shortened(threshold)}")
    return float(threshold)


def checked_embedding(value: object) -> EmbeddingForm:
    """The form of the embedding that true, false or a name means."""
    if isinstance(value, bool):
        return EmbeddingForm.LIST if value else EmbeddingForm.NONE
    if value not in EMBEDDING_FORMS:
        raise InvalidParameter(
            f"{EMBEDDING} must be true, false, {' or '.join(EMBEDDING_FORMS)}, "
            f"not {shortened(value)}"
        )
    return EmbeddingForm(value)
