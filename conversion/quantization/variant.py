"""A model of lower precision as a folder: its graph, its golden image, its spec."""

import logging
import shutil
from pathlib import Path

import numpy as np
import onnx

from conversion.explanation.verify import explanation_of, told
from conversion.graph.export import graph_files
from conversion.photographs import photograph, photograph_pixels
from inference.sessions.session import Embeddings, open_session
from model_spec import ONNX_FILE, Explanation, Golden, ModelSpec, Precision, sha256_of_file
from preprocessing import transform
from preprocessing.pixels import Pixels
from settings import Device

logger = logging.getLogger("image_classifier.conversion.quantization")

LEAST_COSINE = 0.95
"""Of a photograph's embedding and that of fp32, or the model has none."""

# Wide enough for another engine's rounding, far too small for a wrong normalisation.
_GOLDEN_TOLERANCE = 0.05


def write(folder: Path, fp32: Path, precision: Precision, device: Device) -> ModelSpec:
    """Write all that classification needs but the graph.

    Args:
        folder: with ``model.onnx``.
        fp32: folder of the model that it was made from.
        precision: of the graph.
        device: that gives the golden answer.

    Returns:
        The spec: as of fp32 but for the precision, the files and the golden answer, without an
        embedding and without class activation maps.
    """
    spec = ModelSpec.load(fp32)
    shutil.copy(fp32 / spec.golden.file, folder)
    spec = spec.model_copy(
        update={
            "precision": precision,
            "files": _hashes(folder, *graph_files(folder), spec.golden.file),
            "embedding": None,
            "explanation": Explanation(reason="the model was not searched for maps"),
        }
    )
    spec.save(folder)
    spec = spec.model_copy(update={"golden": _own_golden(folder, spec, device)})
    spec.save(folder)
    return spec


def complete(folder: Path, fp32: Path, device: Device) -> ModelSpec:
    """Add the embedding, if it agrees with that of fp32, and class activation maps, if they add up.

    Args:
        folder: that :func:`write` wrote.
        fp32: folder of the model that it was made from.
        device: that computes the embeddings.
    """
    spec = ModelSpec.load(folder)
    pixels = photograph_pixels(spec.preprocessing)
    explanation = explanation_of(folder, pixels, spec.precision, len(spec.labels))
    files = spec.files | _hashes(folder, *explanation.files)
    spec = spec.model_copy(update={"explanation": explanation, "files": files})
    logger.info("explanations: %s", told(explanation))
    spec = _with_embedding(folder, fp32, spec, pixels, device)
    spec.save(folder)
    return spec


def _hashes(folder: Path, *names: str) -> dict[str, str]:
    return {name: sha256_of_file(folder / name) for name in names}


def _own_golden(folder: Path, spec: ModelSpec, device: Device) -> Golden:
    session = open_session(folder, device, intra_op_threads=1)
    image = photograph(folder / spec.golden.file)
    probabilities = session.run(transform(image, spec.preprocessing)[None])[0]
    return Golden(
        file=spec.golden.file,
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
    least = float(_cosines(*(_embeddings(each, pixels, device) for each in (folder, fp32))).min())
    # Written so that a NaN fails.
    agrees = least >= LEAST_COSINE
    logger.info(
        "embedding: %s; its cosine with that of fp32 is %.3f or more, limit %g",
        "as of fp32" if agrees else "none",
        least,
        LEAST_COSINE,
    )
    return with_embedding if agrees else spec


def _embeddings(folder: Path, pixels: Pixels, device: Device) -> Embeddings:
    _, embeddings = open_session(folder, device, intra_op_threads=1).run_with_embeddings(pixels)
    return embeddings


def _cosines(some: Embeddings, others: Embeddings) -> Embeddings:
    """Of each row of ``[N, size]`` with the same row of the other: ``[N]``."""
    lengths = np.linalg.norm(some, axis=1) * np.linalg.norm(others, axis=1)
    cosines: Embeddings = (some * others).sum(axis=1) / np.maximum(lengths, np.finfo(float).tiny)
    return cosines
