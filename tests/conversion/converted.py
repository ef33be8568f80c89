"""What a conversion has saved."""

from pathlib import Path

import bentoml
import numpy as np

from conversion.photographs import photograph
from model_spec import ONNX_FILE, ModelSpec
from preprocessing import transform
from tests.support.graphs import answers

FINGERPRINT, OTHER = "0123456789abcdef" * 2, "f" * 32
"""Of two requests."""


def folder_of(tag: str) -> Path:
    return Path(bentoml.models.get(tag.strip()).path)


def tags() -> set[str]:
    return {str(model.tag) for model in bentoml.models.list()}


def golden_pixels(folder: Path, spec: ModelSpec) -> np.ndarray:
    return np.stack([transform(photograph(folder / spec.golden.file), spec.preprocessing)])


def golden_answer(folder: Path, spec: ModelSpec) -> np.ndarray:
    """What the saved files say of their golden image."""
    answer: np.ndarray = answers(folder / ONNX_FILE, golden_pixels(folder, spec))[0]
    return answer
