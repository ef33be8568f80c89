"""A toy model whose answers can be worked out by hand, and images of one colour.

The toy's probabilities are the image's mean red, green and blue, each plus one, divided
by their sum: a pure red image gives 256/258, 1/258, 1/258.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from conversion.explanation.verify import explanation_of
from harness.images import preprocessing, save
from model_spec import (
    ONNX_FILE,
    Golden,
    ModelSpec,
    Precision,
    Preprocessing,
    Verification,
    Weights,
    sha256_of_file,
)

SIZE = 4
LABELS = ("red", "green", "blue")
OPSET = 18
EMBEDDING = "means"

RED, GREEN, BLUE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 0, 0)

HIGH, LOW = 256 / 258, 1 / 258
"""The toy's probabilities for an image of one pure colour."""

GOLDEN_FILE = "golden.png"


def encoded(
    colour: tuple[int, int, int] = RED, size: tuple[int, int] = (8, 8), image_format: str = "PNG"
) -> bytes:
    """An image of one colour."""
    return save(Image.new("RGB", size, colour), image_format)


def pixels(colour: tuple[int, int, int]) -> np.ndarray:
    """uint8 ``[SIZE, SIZE, 3]`` of one colour."""
    return np.full((SIZE, SIZE, 3), colour, np.uint8)


def toy_graph(*, with_embedding: bool = False) -> onnx.ModelProto:
    """uint8 ``[batch, SIZE, SIZE, 3]`` → float32 ``[batch, 3]``; the embedding is the means."""
    one = numpy_helper.from_array(np.ones(1, np.float32), "one")
    image_axes = numpy_helper.from_array(np.array([1, 2]), "image_axes")
    class_axis = numpy_helper.from_array(np.array([1]), "class_axis")
    nodes = [
        helper.make_node("Cast", ["pixels"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["numbers", "image_axes"], ["means"], keepdims=0),
        helper.make_node("Add", ["means", "one"], ["raised"]),
        helper.make_node("ReduceSum", ["raised", "class_axis"], ["sum"], keepdims=1),
        helper.make_node("Div", ["raised", "sum"], ["probabilities"]),
    ]
    graph = helper.make_graph(
        nodes,
        "toy",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["batch", SIZE, SIZE, 3])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 3])
            for name in ("probabilities", *(EMBEDDING,) * with_embedding)
        ],
        [one, image_axes, class_axis],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)


def mapped_graph() -> onnx.ModelProto:
    """As ``toy_graph`` with the embedding, but a linear layer and a softmax make the probabilities:
    of the mean colour / 64, less 1 for green.
    """
    constants = {
        "places": np.array([2, 3]),
        "weights": np.eye(3, dtype=np.float32) / 64,
        "bias": np.array([0, -1, 0], np.float32),
    }
    nodes = [
        helper.make_node("Cast", ["pixels"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["numbers"], ["features"], perm=[0, 3, 1, 2]),
        helper.make_node("ReduceMean", ["features", "places"], ["means"], keepdims=0),
        helper.make_node("Gemm", ["means", "weights", "bias"], ["logits"], transB=1),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    proto = toy_graph(with_embedding=True)
    del proto.graph.node[:], proto.graph.initializer[:]
    proto.graph.node.extend(nodes)
    proto.graph.initializer.extend(
        numpy_helper.from_array(value, name) for name, value in constants.items()
    )
    return proto


MAPPED_HIGH = float(np.exp(255 / 64) / (np.exp(255 / 64) + np.exp(-1) + 1))
"""The probability of red that ``mapped_graph`` gives for a pure red image."""


def write_mapped_toy(folder: Path) -> ModelSpec:
    """As ``write_toy_model``, with ``mapped_graph`` and its class activation maps."""
    spec = write_toy_model(folder, confidence=MAPPED_HIGH)
    onnx.save(mapped_graph(), folder / ONNX_FILE)
    explanation = explanation_of(folder, pixels(RED)[None], spec.precision, len(LABELS))
    names = (ONNX_FILE, GOLDEN_FILE, *explanation.files)
    files = {name: sha256_of_file(folder / name) for name in names}
    spec = spec.model_copy(update={"explanation": explanation, "files": files})
    spec.save(folder)
    return spec


def write_softmax_toy(folder: Path) -> ModelSpec:
    """Write the toy with softmax of its logarithms at its end: the same probabilities."""
    spec = write_toy_model(folder)
    proto = toy_graph(with_embedding=True)
    proto.graph.node[-1].output[0] = "shares"
    log = helper.make_node("Log", ["shares"], ["logits"])
    softmax = helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1)
    proto.graph.node.extend([log, softmax])
    onnx.save(proto, folder / ONNX_FILE)
    files = spec.files | {ONNX_FILE: sha256_of_file(folder / ONNX_FILE)}
    spec = spec.model_copy(update={"files": files})
    spec.save(folder)
    return spec


def toy_preprocessing() -> Preprocessing:
    """Resize to 4, crop all of it."""
    return preprocessing(SIZE, SIZE)


def write_toy_model(
    folder: Path, *, confidence: float = HIGH, pretrained: bool = True
) -> ModelSpec:
    """Write the toy's ``model.onnx``, ``spec.json`` and golden image (pure red) into a folder.

    Args:
        folder: exists.
        confidence: that the spec claims for the golden image; the truth by default.
        pretrained: that the spec claims.
    """
    onnx.save(toy_graph(with_embedding=True), folder / ONNX_FILE)
    (folder / GOLDEN_FILE).write_bytes(encoded(RED))
    spec = ModelSpec(
        architecture="toy",
        precision=Precision.FP32,
        opset=OPSET,
        input_name="pixels",
        output_name="probabilities",
        preprocessing=toy_preprocessing(),
        weights=Weights(pretrained=pretrained, source="by hand", sha256=None, licence=None),
        verification=Verification(
            max_abs_diff=0.0, limit=1e-4, top1_agreement=1.0, inputs=1, batch_sizes=(1,)
        ),
        golden=Golden(file=GOLDEN_FILE, class_id=0, confidence=confidence, tolerance=0.02),
        files={name: sha256_of_file(folder / name) for name in (ONNX_FILE, GOLDEN_FILE)},
        labels=LABELS,
        embedding=EMBEDDING,
    )
    spec.save(folder)
    return spec
