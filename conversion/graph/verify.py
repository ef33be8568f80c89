"""Compares the exported graph with the PyTorch model: names, axes, shapes, values."""

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

from conversion.errors import ConversionError
from conversion.graph.export import (
    BATCH_AXIS,
    INPUT_NAME,
    OUTPUT_NAME,
    described,
    logits_of,
    probabilities_of,
)
from conversion.outputs.embedding import last_linear_input, mismatch
from inference.arrays import Pixels, Probabilities
from inference.sessions.providers import CPU_PROVIDER
from model_spec import Activation, Channels, Precision, Preprocessing, Verification
from preprocessing_spec import WHITE

logger = logging.getLogger("image_classifier.conversion.verify")

LIMITS = {Precision.FP32: 1e-4, Precision.FP16: 1e-2}
"""Largest accepted difference of any probability."""

# One image is the common case; seven is odd, prime, and not the size of the export.
_BATCH_SIZES = (1, 7)
_RANDOM_IMAGES = 7
_SEED = 0


@dataclass(frozen=True)
class PyTorchModel:
    """The PyTorch model with which an export is compared.

    Attributes:
        network: in eval mode; float32 ``[N, channels, H, W]`` → logits ``[N, classes]``.
        fused: whether the batch norms behind its convolutions must have been fused into them.
    """

    network: nn.Module
    preprocessing: Preprocessing
    classes: int
    activation: Activation = Activation.SOFTMAX
    fused: bool = True

    def probabilities(self, pixels: Pixels) -> Probabilities:
        """uint8 ``[N, H, W, channels]`` → float32 ``[N, classes]``."""
        images = normalised(pixels, self.preprocessing)
        with torch.inference_mode():
            logits = logits_of(self.network(images))
        answer: Probabilities = probabilities_of(logits, self.activation).numpy()
        return answer

    def embeddings(self, pixels: Pixels) -> torch.Tensor | None:
        """uint8 ``[N, H, W, channels]`` → input of the last linear layer; None without one."""
        return last_linear_input(self.network, normalised(pixels, self.preprocessing))


def normalised(pixels: Pixels, preprocessing: Preprocessing) -> torch.Tensor:
    """The network's input, normalised as torchvision does it.

    uint8 ``[N, H, W, channels]``, RGB or grey → float32 ``[N, channels, H, W]``.
    """
    scaled = torch.from_numpy(pixels).permute(0, 3, 1, 2).to(torch.float32) / WHITE
    if preprocessing.channels is Channels.BGR:
        scaled = scaled[:, [2, 1, 0]]
    mean = torch.tensor(preprocessing.mean).view(-1, 1, 1) / WHITE
    std = torch.tensor(preprocessing.std).view(-1, 1, 1) / WHITE
    return (scaled - mean) / std


def with_noise(photographs: Pixels) -> Pixels:
    """The photographs, followed by images of random pixels."""
    noise = np.random.default_rng(_SEED).integers(
        0, 256, (_RANDOM_IMAGES, *photographs.shape[1:]), dtype=np.uint8
    )
    return np.concatenate([photographs, noise])


def verify(
    path: Path,
    model: PyTorchModel,
    photographs: Pixels,
    precision: Precision,
    embedding: str | None = None,
) -> tuple[Verification, str | None]:
    """Compare an exported file with the model it came from.

    Args:
        path: of ``model.onnx``.
        photographs: uint8 ``[N, H, W, channels]``; random pixels are added.
        precision: decides the limits.
        embedding: name of the second output, if there is one.

    Returns:
        The comparison, and the embedding's name. The name is None if float16 changes the embedding
        by more than its limit, which is logged.

    Raises:
        ConversionError: the first thing that differs, with the figure.
    """
    _check_graph(path, model, embedding)
    session = onnxruntime.InferenceSession(str(path), providers=[CPU_PROVIDER])
    pixels = with_noise(photographs)
    verification = _verified(session, model, pixels, precision)
    if embedding is None:
        return verification, None
    (found,) = session.run([embedding], {INPUT_NAME: pixels})
    problem = mismatch(found, model.embeddings(pixels))
    if problem is None:
        return verification, embedding
    if precision is not Precision.FP16:
        raise ConversionError(f"not saved: {problem}")
    logger.info("embedding: none; %s", problem)
    return verification, None


def _verified(
    session: onnxruntime.InferenceSession, model: PyTorchModel, pixels: Pixels, precision: Precision
) -> Verification:
    """The probabilities of every image, in batches of each size, beside PyTorch's."""
    expected = in_batches(pixels, 1, model.probabilities)
    differences, agreements = [], []
    for batch_size in _BATCH_SIZES:
        found = in_batches(
            pixels, batch_size, lambda batch: session.run([OUTPUT_NAME], {INPUT_NAME: batch})[0]
        )
        if found.shape != expected.shape or found.dtype != np.float32:
            raise ConversionError(
                f"not saved: the graph gives {found.dtype} {found.shape}, "
                f"expected float32 {expected.shape}"
            )
        differences.append(float(np.abs(found - expected).max()))
        agreements.append(float((found.argmax(axis=1) == expected.argmax(axis=1)).mean()))
    limit = LIMITS[precision]
    # Written so that a NaN fails: Python's own max() might pass over it.
    difference = float(np.max(differences))
    if not difference <= limit:
        raise ConversionError(
            f"not saved: max probability difference to PyTorch = {difference:.3g}, "
            f"limit {limit:g} ({precision.value})"
        )
    return Verification(
        max_abs_diff=difference,
        limit=limit,
        top1_agreement=min(agreements),
        inputs=len(pixels),
        batch_sizes=_BATCH_SIZES,
    )


def _check_graph(path: Path, model: PyTorchModel, embedding: str | None) -> None:
    """Compare names and axes, and check that batch norms behind a convolution are gone."""
    graph = onnx.load(str(path), load_external_data=False).graph
    outputs = [each for each in graph.output if each.name != embedding]
    found = f"{described(graph.input)} → {described(outputs)}"
    shape = ", ".join(map(str, model.preprocessing.pixels_shape))
    expected = (
        f"{INPUT_NAME} uint8 [{BATCH_AXIS}, {shape}] → "
        f"{OUTPUT_NAME} float [{BATCH_AXIS}, {model.classes}]"
    )
    if found != expected:
        raise ConversionError(f"not saved: the graph has {found}, expected {expected}")
    # A batch norm can be fused only if nothing else reads the output of the convolution.
    readers = Counter(name for node in graph.node for name in node.input)
    convolved = {
        node.output[0]
        for node in graph.node
        if node.op_type == "Conv" and readers[node.output[0]] == 1
    }
    unfused = [
        node.name
        for node in graph.node
        if node.op_type == "BatchNormalization" and node.input[0] in convolved
    ]
    if unfused and model.fused:
        raise ConversionError(f"not saved: {len(unfused)} batch norms were not fused")


def in_batches(pixels: Pixels, size: int, run: Callable[[Pixels], Probabilities]) -> Probabilities:
    """The answers of ``run`` for all images, at most ``size`` at a time."""
    batches = [pixels[start : start + size] for start in range(0, len(pixels), size)]
    return np.concatenate([run(batch) for batch in batches])
