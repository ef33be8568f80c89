"""What a model is checked against: PyTorch at its conversion, a known image, known photographs."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from preprocessing_spec import Frozen

CONFIDENCE_BINS = 10
"""Of a reference's confidences."""


class Verification(Frozen):
    """How the exported graph compared with the PyTorch model.

    Attributes:
        max_abs_diff: largest difference of any probability.
        limit: largest difference that is let through.
        top1_agreement: share of inputs with the same most probable class, 0…1.
        inputs: number of images compared, photographs and random pixels together.
        batch_sizes: batch sizes that were compared.
    """

    max_abs_diff: float
    limit: float
    top1_agreement: float
    inputs: int
    batch_sizes: tuple[int, ...]


class Golden(Frozen):
    """An image with the answer PyTorch gave for it, classified again at every start.

    A model with a comparison keeps its own answer: its rounding is not PyTorch's.

    Attributes:
        file: image file beside ``model.onnx``.
        class_id: most probable class.
        confidence: its probability.
        tolerance: largest difference of the probability that is still healthy;
            wide enough for TF32 and another JPEG decoder, far too small for a
            wrong normalisation.
    """

    file: str
    class_id: int
    confidence: float
    tolerance: float


class Reference(Frozen):
    """Answers for known photographs, against which drift is measured.

    Attributes:
        classes: number of photographs by their most probable class id; those with none are absent.
        confidences: number of photographs by confidence in that class, in
            ``CONFIDENCE_BINS`` equally wide bins from 0 to 1.
    """

    classes: Annotated[dict[int, Annotated[int, Field(gt=0)]], Field(min_length=1)]
    confidences: tuple[Annotated[int, Field(ge=0)], ...]

    @model_validator(mode="after")
    def _both_count_the_same_photographs(self) -> Self:
        if len(self.confidences) != CONFIDENCE_BINS:
            raise ValueError(f"{len(self.confidences)} bins of confidence, not {CONFIDENCE_BINS}")
        if sum(self.classes.values()) != sum(self.confidences):
            raise ValueError("classes and confidences count different numbers of photographs")
        return self
