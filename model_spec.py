"""ModelSpec: the one description of a model.

Conversion writes it as ``spec.json`` beside ``model.onnx`` in the BentoML model
store; preprocessing, inference and the service read it. Nothing else knows an
input size, a mean or a label.
"""

import hashlib
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, ValidationError, model_validator

from errors import StartupError, reason_of
from model_checks import Golden, Reference, Verification
from model_comparison import Comparison, Shortcoming
from preprocessing_spec import (
    Channels,
    Frozen,
    Interpolation,
    Preprocessing,
    ResizeMode,
    Rounding,
    Size,
)

__all__ = [
    "COMPARED",
    "FORMAT_VERSION",
    "MODEL_NAME",
    "ONNX_FILE",
    "SPEC_FILE",
    "Activation",
    "Channels",
    "Golden",
    "Interpolation",
    "ModelSpec",
    "Precision",
    "Preprocessing",
    "Reference",
    "ResizeMode",
    "Rounding",
    "Size",
    "Verification",
    "Weights",
    "sha256_of_file",
]

MODEL_NAME = "image_classifier"
"""Name of every converted model in the BentoML model store."""

ONNX_FILE = "model.onnx"
SPEC_FILE = "spec.json"

FORMAT_VERSION: Final = 2
"""Of ``spec.json``."""
EXPLANATION_FILE = "explanation.onnx-part"
"""Bytes that, appended to ``model.onnx``, give it the three outputs below, too."""

LOGITS, MAPS, BIAS = "explanation/logits", "explanation/maps", "explanation/bias"
"""float32 ``[N, classes]``, ``[N, classes, h, w]`` and ``[classes]``."""

_HASH_CHUNK_BYTES = 1 << 20

Share = Annotated[float, Field(ge=0, le=1)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Precision(StrEnum):
    """Arithmetic of the exported network."""

    FP32 = "fp32"
    FP16 = "fp16"
    BF16 = "bf16"
    INT8 = "int8"


COMPARED: Final = (Precision.BF16, Precision.INT8)
"""Precisions that are made from fp32 and saved with a comparison."""


class Activation(StrEnum):
    """What makes probabilities of the network's logits."""

    SOFTMAX = "softmax"
    SIGMOID = "sigmoid"


class Weights(Frozen):
    """Where the parameters came from.

    Attributes:
        pretrained: False for random weights, also in a file that was saved before any
            training: such a model's answers mean nothing.
        source: package, URL or file name, with the entry that was taken from a checkpoint;
            ``random, seed N`` for random weights.
        sha256: of the weights file; None for random weights.
        licence: as its publisher states it; None where nothing is known.
    """

    pretrained: bool
    source: str
    sha256: Sha256 | None
    licence: str | None


class ClassActivation(Frozen):
    """Class activation maps: the mean of a class's map, plus its bias, is its logit.

    Attributes:
        size: height and width of a map.
        max_difference: of that sum from the logit at conversion, as a share of the largest logit.
        limit: largest difference that is let through.
    """

    size: tuple[int, int]
    max_difference: float
    limit: float


class Explanation(Frozen):
    """How the service can explain its answers.

    Attributes:
        class_activation: None if the network has no such maps.
        reason: why it has none; None if it has.
    """

    class_activation: ClassActivation | None = None
    reason: str | None = None

    @property
    def files(self) -> list[str]:
        """Files of the model that only explanations need."""
        return [EXPLANATION_FILE] if self.class_activation else []


class ModelSpec(Frozen):
    """What is needed to serve a model, and where it came from.

    The graph takes ``input_name``: uint8 ``[N, height, width, 3]`` RGB, or with one channel where
    the network takes grey, and gives ``output_name``: float32 ``[N, len(labels)]`` probabilities.

    Attributes:
        files: sha256 of each file of the model, by name, ``model.onnx`` first.
        labels: one per class, in the order of the class ids.
        activation: that the graph ends with.
        multi_label: whether an image may show several classes or none: probabilities are then
            independent. Otherwise those of an image sum to 1, also with one sigmoid output.
        temperature: that the graph divides logits by before the activation.
        comparison: of bf16 and int8 with fp32; the verification is of the fp32 graph.
        thresholds: least confidence of a decision: one for all classes, or one per class, in the
            order of the class ids; empty: a client decides.
        reference: answers that drift is measured against; None: no drift is measured.
        embedding: the graph's second output, ``[N, size]``: what the last linear layer reads;
            None where the network ends otherwise.
        explanation: how the service can explain its answers.
    """

    format_version: Literal[2] = FORMAT_VERSION
    architecture: str
    precision: Precision
    opset: int
    input_name: str
    output_name: str
    preprocessing: Preprocessing
    weights: Weights
    verification: Verification
    golden: Golden
    files: dict[str, Sha256]
    labels: Annotated[tuple[str, ...], Field(min_length=1)]
    activation: Activation = Activation.SOFTMAX
    multi_label: bool = False
    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    thresholds: tuple[Share, ...] = ()
    reference: Reference | None = None
    embedding: str | None = None
    explanation: Explanation = Explanation(reason="the model was not searched for maps")
    comparison: Comparison | None = None

    @model_validator(mode="after")
    def _every_file_has_a_hash(self) -> Self:
        for name in (ONNX_FILE, self.golden.file, *self.explanation.files):
            if name not in self.files:
                raise ValueError(f"files has no sha256 of {name}")
        return self

    @model_validator(mode="after")
    def _only_sigmoid_is_multi_label(self) -> Self:
        if self.multi_label and self.activation is not Activation.SIGMOID:
            raise ValueError(f"multi_label needs the activation {Activation.SIGMOID.value}")
        return self

    @model_validator(mode="after")
    def _thresholds_fit_the_labels(self) -> Self:
        if len(self.thresholds) not in (0, 1, len(self.labels)):
            raise ValueError(f"{len(self.thresholds)} thresholds for {len(self.labels)} classes")
        return self

    @model_validator(mode="after")
    def _reference_fits_the_labels(self) -> Self:
        if self.reference and not set(self.reference.classes) <= set(range(len(self.labels))):
            raise ValueError("the reference has class ids without a label")
        return self

    @property
    def pixels_shape(self) -> tuple[int, int, int]:
        """Shape of one image of the graph's input: height, width, channels."""
        return self.preprocessing.pixels_shape

    @property
    def shortcomings(self) -> list[Shortcoming]:
        """How a model of lower precision may be worse than fp32."""
        return list(self.comparison.shortcomings) if self.comparison else []

    def save(self, folder: Path) -> None:
        """Write ``spec.json`` into a model's folder."""
        (folder / SPEC_FILE).write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a model's ``spec.json`` and check the model's files against it.

        Raises:
            StartupError: a file is missing, unreadable or not the one that was converted.
        """
        path = folder / SPEC_FILE
        try:
            spec = cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise _unreadable(error) from error
        except ValidationError as error:
            raise StartupError(f"{path} {_problem(error)}; convert the model again") from error
        spec.check_files(folder, spec.files)
        return spec

    def check_files(self, folder: Path, names: Iterable[str]) -> None:
        """Check that files of the model are those that were converted.

        Raises:
            StartupError: one is missing, unreadable or has changed.
        """
        for name in names:
            try:
                found = sha256_of_file(folder / name)
            except OSError as error:
                raise _unreadable(error) from error
            if found != self.files[name]:
                raise StartupError(
                    f"{folder / name} is not the file that was converted (sha256 differs); "
                    "delete the model and convert again"
                )


def _unreadable(error: OSError) -> StartupError:
    return StartupError(f"cannot read the model: {reason_of(error)}")


def _problem(error: ValidationError) -> str:
    """What is wrong with a spec; the version first, since other fields depend on it."""
    first = error.errors()[0]
    if first["loc"] == ("format_version",) and type(version := first["input"]) is int:
        age = "an older" if version < FORMAT_VERSION else "a newer"
        return f"was made by {age} version (format {version})"
    where = ".".join(map(str, first["loc"]))
    return f"is not a model spec of this version ({where}: {first['msg']})"


def sha256_of_file(path: Path) -> str:
    """Lower-case hex sha256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_HASH_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
