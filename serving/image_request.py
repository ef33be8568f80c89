"""What a request wants of one of its images."""

from typing import NamedTuple

from inference.answers.decision import Thresholds
from inference.answers.embedding import EmbeddingForm
from preprocessing.budget import DecodeBudget
from preprocessing.encoded import Encoded
from preprocessing.pixels import Pixels
from serving.metrics.stages import ImageTimes


class ImageRequest(NamedTuple):
    """An image of a request.

    Attributes:
        image: encoded, or its pixels if they are known.
        top_k: classes wanted; None: all probabilities.
        thresholds: for a decision; None: none is wanted.
        budget: that all images of the request share.
        normalised: whether the embedding is to have the length 1.
    """

    image: Encoded | Pixels
    top_k: int | None
    thresholds: Thresholds | None
    budget: DecodeBudget
    times: ImageTimes
    embedding: EmbeddingForm = EmbeddingForm.NONE
    normalised: bool = False

    def wants_embedding(self) -> bool:
        """Whether one is wanted."""
        return self.embedding is not EmbeddingForm.NONE
