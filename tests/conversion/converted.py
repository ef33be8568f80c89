"""What a conversion has saved."""

from pathlib import Path

import bentoml
import numpy as np
import onnxruntime

from model_spec import ONNX_FILE, ModelSpec
from preprocessing import DecodeLimits, decode, transform

FINGERPRINT, OTHER = "0123456789abcdef" * 2, "f" * 32
"""Of two requests."""


def folder_of(tag: str) -> Path:
    return Path(bentoml.models.get(tag.strip()).path)


def tags() -> set[str]:
    return {str(model.tag) for model in bentoml.models.list()}


def golden_pixels(folder: Path, spec: ModelSpec) -> np.ndarray:
    image = decode((folder / spec.golden.file).read_bytes(), DecodeLimits(10_000_000, 10.0))
    return np.stack([transform(image, spec.preprocessing)])


def golden_answer(folder: Path, spec: ModelSpec) -> np.ndarray:
    """What the saved files say of their golden image."""
    session = onnxruntime.InferenceSession(
        str(folder / ONNX_FILE), providers=["CPUExecutionProvider"]
    )
    inputs = {spec.input_name: golden_pixels(folder, spec)}
    answer: np.ndarray = session.run([spec.output_name], inputs)[0][0]
    return answer
