"""An embedding: what the network's last linear layer reads, and how it is told."""

import base64
from enum import StrEnum

import numpy as np

from inference.arrays import Embeddings


class EmbeddingForm(StrEnum):
    """How a client wants the embedding."""

    NONE = "none"
    LIST = "list"
    BASE64 = "base64"


def told(embedding: Embeddings, form: EmbeddingForm, *, normalised: bool) -> list[float] | str:
    """An embedding as it stands in a response: numbers, or base64 of float32, little-endian.

    Normalised, it is divided by its Euclidean length, so that the scalar product of two of them
    is their cosine; a vector of zeros stays one.
    """
    vector = embedding.astype("<f4")
    if normalised and (length := np.linalg.norm(vector)):
        vector /= length
    if form is EmbeddingForm.BASE64:
        return base64.b64encode(vector.tobytes()).decode()
    numbers: list[float] = vector.tolist()
    return numbers
