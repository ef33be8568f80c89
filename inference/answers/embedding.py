"""An embedding, the input of the network's last linear layer, as JSON."""

import base64
from enum import StrEnum

import numpy as np

from inference.arrays import Embeddings


class EmbeddingForm(StrEnum):
    """How a client wants the embedding."""

    NONE = "none"
    LIST = "list"
    BASE64 = "base64"


def as_json(embedding: Embeddings, form: EmbeddingForm, *, normalised: bool) -> list[float] | str:
    """An embedding as responses have it: numbers, or base64 of float32, little-endian.

    A normalised one is divided by its Euclidean length: the scalar product of two is then their
    cosine. A vector of zeros stays as it is.
    """
    vector = embedding.astype("<f4")
    if normalised and (length := np.linalg.norm(vector)):
        vector /= length
    if form is EmbeddingForm.BASE64:
        return base64.b64encode(vector.tobytes()).decode()
    numbers: list[float] = vector.tolist()
    return numbers
