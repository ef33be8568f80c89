"""The folder of a model of lower precision: graph, golden image and spec."""

import logging
import shutil
from pathlib import Path

import numpy as np
import onnx

from conversion.explanation.verify import explanation_of
from conversion.graph.export import graph_files, hashes
from conversion.photographs import golden_probabilities, photograph_pixels
from inference.arrays import Embeddings
from inference.sessions.session import open_session
from model_spec import ONNX_FILE, Explanation, Golden, ModelSpec, Precision
from preprocessing.pixels import Pixels
from settings import Device

logger = logging.getLogger("image_classifier.conversion.quantization")

LEAST_COSINE = 0.95
"""Of each photograph's embedding with fp32's; with less, the model gets no embedding."""

# Wide enough for another engine's rounding, far too small for a wrong normalisation.
_GOLDEN_TOLERANCE = 0.05


def write(folder: Path, fp32: Path, precision: Precision, device: Device) -> None:
    """Write all that classification needs into a folder with ``model.onnx``.

    The spec is fp32's, with another precision, other files and the device's own golden answer, and
    without embedding and class activation maps.
    """
    spec = ModelSpec.load(fp32)
    shutil.copy(fp32 / spec.golden.file, folder)
    spec = spec.model_copy(
        update={
            "precision": precision,
            "files": hashes(folder, *graph_files(folder), spec.golden.file),
            "embedding": None,
            "explanation": Explanation(reason="the model was not searched for maps"),
        }
    )
    spec.save(folder)
    spec.model_copy(update={"golden": _own_golden(folder, spec.golden.file, device)}).save(folder)


def complete(folder: Path, fp32: Path, device: Device) -> ModelSpec:
    """Add the embedding, if it agrees with fp32's, and class activation maps, if they add up.

    :func:`write` must have written the folder. The device computes the embeddings.
    """
    spec = ModelSpec.load(folder)
    pixels = photograph_pixels(spec.preprocessing)
    explanation = explanation_of(folder, pixels, spec.precision, len(spec.labels))
    files = spec.files | hashes(folder, *explanation.files)
    spec = spec.model_copy(update={"explanation": explanation, "files": files})
    spec = _with_embedding(folder, fp32, spec, pixels, device)
    spec.save(folder)
    return spec


def _own_golden(folder: Path, file: str, device: Device) -> Golden:
    probabilities = golden_probabilities(folder, device)
    return Golden(
        file=file,
        class_id=int(probabilities.argmax()),
        confidence=float(probabilities.max()),
        tolerance=_GOLDEN_TOLERANCE,
    )


def _with_embedding(
    folder: Path, fp32: Path, spec: ModelSpec, pixels: Pixels, device: Device
) -> ModelSpec:
    name = ModelSpec.load(fp32).embedding
    if name is None:
        return spec
    with_embedding = spec.model_copy(update={"embedding": name})
    graph = onnx.load(str(folder / ONNX_FILE), load_external_data=False).graph
    if name not in {each.name for each in graph.output}:
        logger.info("embedding: none, since the graph does not give it")
        return spec
    with_embedding.save(folder)
    sessions = (open_session(each, device, intra_op_threads=1) for each in (folder, fp32))
    least = _least_cosine(*(each.run_with_embeddings(pixels)[1] for each in sessions))
    # Written so that a NaN fails.
    agrees = least >= LEAST_COSINE
    logger.info(
        "embedding: %s; its cosine with that of fp32 is %.3f or more, limit %g",
        "as of fp32" if agrees else "none",
        least,
        LEAST_COSINE,
    )
    return with_embedding if agrees else spec


def _least_cosine(some: Embeddings, others: Embeddings) -> float:
    """The smallest cosine of a row of ``[N, size]`` with the same row of the other array."""
    lengths = np.linalg.norm(some, axis=1) * np.linalg.norm(others, axis=1)
    return float(((some * others).sum(axis=1) / np.maximum(lengths, np.finfo(float).tiny)).min())
