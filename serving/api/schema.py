"""The public contract as types: for BentoML's clients, ``/schema.json`` and ``/docs.json``."""

from pathlib import Path
from typing import Literal

from bentoml import IODescriptor
from pydantic import BaseModel, Field

from model_spec import Activation, ModelSpec
from serving.explanation.answers import Method
from serving.health import Health
from serving.parameters import DEFAULT_TOP_K, MAX_CLASSES, MapForm

TOP_K_DESCRIPTION = (
    f"Classes to return for each image, {DEFAULT_TOP_K} by default; all if the model has fewer"
)
EMBEDDING_DESCRIPTION = (
    "Whether to give the embedding, where the model has one: true or list for numbers, base64 for "
    "base64 of float32, little-endian"
)
NORMALISED_DESCRIPTION = "Whether the embedding is divided by its length; not by default"
THRESHOLD_DESCRIPTION = "Least confidence of a decision; the model's own by default, if it has one"
EXPLAIN_DESCRIPTION = "Whether the answer has the explanation of /explain, too; not by default"
CLASS_IDS_DESCRIPTION = (
    f"Classes to explain instead of the most probable ones, {MAX_CLASSES} at most; "
    "in a form or query separated by commas"
)
MAP_DESCRIPTION = "Maps as numbers, or each as a PNG to lay over the crop"


Embedding = bool | Literal["list", "base64"]


class ClassifyInput(IODescriptor):
    """What ``/classify`` takes as a form."""

    image: Path = Field(description="The encoded image")
    top_k: int | None = Field(None, ge=1, description=TOP_K_DESCRIPTION)
    threshold: float | None = Field(None, ge=0, le=1, description=THRESHOLD_DESCRIPTION)
    embedding: Embedding | None = Field(None, description=EMBEDDING_DESCRIPTION)
    normalised: bool | None = Field(None, description=NORMALISED_DESCRIPTION)
    explain: bool | None = Field(None, description=EXPLAIN_DESCRIPTION)
    class_ids: list[int] | None = Field(None, description=CLASS_IDS_DESCRIPTION)
    map: MapForm | None = Field(None, description=MAP_DESCRIPTION)


class ClassifyBatchInput(IODescriptor):
    """What ``/classify_batch`` takes as a form."""

    images: list[Path] = Field(description="The encoded images, one part each")
    top_k: int | None = Field(None, ge=1, description=TOP_K_DESCRIPTION)
    threshold: float | None = Field(None, ge=0, le=1, description=THRESHOLD_DESCRIPTION)
    embedding: Embedding | None = Field(None, description=EMBEDDING_DESCRIPTION)
    normalised: bool | None = Field(None, description=NORMALISED_DESCRIPTION)


class ExplainInput(IODescriptor):
    """What ``/explain`` takes as a form."""

    image: Path = Field(description="The encoded image")
    top_k: int | None = Field(None, ge=1, description=TOP_K_DESCRIPTION)
    class_ids: list[int] | None = Field(None, description=CLASS_IDS_DESCRIPTION)
    map: MapForm = Field(MapForm.VALUES, description=MAP_DESCRIPTION)


class ClassProbability(BaseModel):
    """One class and its probability."""

    class_id: int
    label: str
    confidence: float = Field(ge=0, le=1, description="Probability")


class Prediction(ClassProbability):
    """The most probable class and the runners-up."""

    predictions: list[ClassProbability] = Field(description="Most probable first, top_k of them")
    decision: str | list[str] | None = Field(
        None,
        description="Where there is a threshold: the label, or null if its confidence is below; "
        "of a model for several labels at once, those that reach their threshold",
    )
    reason: str | None = Field(None, description="Why the decision names no label; null if it does")
    embedding: str | list[float] | None = Field(
        None, description="Where it was asked for: what the network's last linear layer reads"
    )


_TAG_DESCRIPTION = "Tag in the BentoML model store"


class _Footer(BaseModel):
    processing_time: float = Field(ge=0, description="Seconds, from the parsed request on")
    gpu_utilization: float | None = Field(description="0 to 1; null without a GPU in use")
    model: str = Field(description=_TAG_DESCRIPTION)
    activation: Activation = Field(description="What makes confidences of the network's logits")


class ClassMap(BaseModel):
    """Where in the crop a class is seen; has either values or png."""

    height: int
    width: int
    values: list[list[float]] | None = Field(
        None, description="Rows from the top; above 0 speaks for the class, below 0 against it"
    )
    png: str | None = Field(
        None, description="A data URI: transparent at 0 and below, red at the largest value"
    )


class MapCheck(BaseModel):
    """Shows that a class activation map explains all of a logit."""

    mean_plus_bias: float = Field(description="Mean of the map plus the class's bias")


class ExplainedClass(ClassProbability):
    """One class, its probability and where it is seen."""

    logit: float | None = Field(description="Null for occlusion")
    map: ClassMap
    check: MapCheck | None = Field(description="Null for occlusion")


class Crop(BaseModel):
    """What the model saw, in pixels of the upright image."""

    x: float
    y: float
    width: float
    height: float


class ImageSize(BaseModel):
    """In pixels, upright."""

    width: int
    height: int


class Explanation(BaseModel):
    """Why a model says so."""

    predictions: list[ExplainedClass] = Field(
        description="Most probable first, or in the order of class_ids"
    )
    crop: Crop
    image: ImageSize
    method: Method = Field(
        description="class_activation: exact; occlusion: fall of the confidence with a grey patch"
    )


class ExplainOutput(IODescriptor, Explanation, _Footer):
    """The response of ``/explain``."""


class ClassifyOutput(IODescriptor, Prediction, _Footer):
    """The response of ``/classify``."""

    explanation: Explanation | None = Field(None, description="Where it was asked for")


class ErrorDetail(BaseModel):
    """What went wrong."""

    code: str
    message: str


class Error(BaseModel):
    """Every response that is not a success."""

    error: ErrorDetail


class ClassifyBatchOutput(IODescriptor, _Footer):
    """The response of ``/classify_batch``."""

    results: list[Prediction | Error] = Field(description="In the order sent")


class ModelOutput(ModelSpec):
    """The response of ``/model``: the model's whole description."""

    model: str = Field(description=_TAG_DESCRIPTION)


class HealthOutput(IODescriptor, Health):
    """The response of ``/health``."""
