"""Models with chosen costs, stored like converted ones: ``python -m benchmarks.toys NAME``.

Both look at a coarse grid of the pixels, so that different photographs get different
answers; their parameters are random, with a fixed seed.

near_zero
    costs next to nothing: what a machine would be limited by whose network is free.
sublinear
    has a fixed cost for every ``session.run``, whatever the batch: a larger batch is
    cheaper for each image, as on a GPU.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks.core import Core
from conversion import store
from conversion.architectures import EFFICIENTNET_LITE0, Architecture, get_architecture
from conversion.photographs import GOLDEN
from model_spec import (
    ONNX_FILE,
    Golden,
    ModelSpec,
    Precision,
    Verification,
    Weights,
    sha256_of_file,
)

NEAR_ZERO, SUBLINEAR = "near_zero", "sublinear"

OPSET = 18
INPUT, OUTPUT = "pixels", "probabilities"

_GRID_STEP = 32
_SEED = 0

# Products of square matrices of this size: about 10 ms on one thread.
_FIXED_SIZE = 512
_FIXED_PRODUCTS = 6

_TOLERANCE = 1e-3

Floats = npt.NDArray[np.float32]


def near_zero_graph(size: int, classes: int) -> onnx.ModelProto:
    """uint8 ``[N, size, size, 3]`` → float32 ``[N, classes]``: a grid, a matrix, softmax."""
    return _model(_head(size, classes, "logits"), size, classes)


def sublinear_graph(size: int, classes: int) -> onnx.ModelProto:
    """The same, and a chain of matrix products that does not depend on the batch.

    The chain begins with a number taken from the first image, so that it cannot be folded
    into a constant, and ends multiplied by zero: answers are those without it.
    """
    return _model([*_head(size, classes, "head"), *_fixed_cost()], size, classes)


def write(name: str, folder: Path) -> ModelSpec:
    """Write a toy's files into a folder, with the answer for the golden image in the spec."""
    architecture = get_architecture(EFFICIENTNET_LITE0)
    size, classes = architecture.preprocessing.crop_size, len(architecture.labels)
    onnx.save(_GRAPHS[name](size, classes), folder / ONNX_FILE)
    (folder / GOLDEN.name).write_bytes(GOLDEN.read_bytes())
    _spec(name, architecture, folder, class_id=0, confidence=0.0).save(folder)
    core = Core(folder)
    (probabilities,) = core.probabilities([core.pixels(GOLDEN.read_bytes())])
    best = int(probabilities.argmax())
    return _spec(name, architecture, folder, best, float(probabilities[best]))


def save(name: str) -> str:
    """Put a toy into the model store; returns its tag."""
    with tempfile.TemporaryDirectory(prefix="toy-") as temporary:
        folder = Path(temporary)
        return store.save(folder, write(name, folder), fingerprint=name)


_GRAPHS: dict[str, Callable[[int, int], onnx.ModelProto]] = {
    NEAR_ZERO: near_zero_graph,
    SUBLINEAR: sublinear_graph,
}
TOYS = tuple(_GRAPHS)


def _head(size: int, classes: int, output: str) -> list[onnx.NodeProto]:
    points = len(range(_GRID_STEP // 2, size, _GRID_STEP)) ** 2 * 3
    weights = np.random.default_rng(_SEED).normal(0, 0.1, (points, classes))
    return [
        *(_integers(name, values) for name, values in _GRID.items()),
        helper.make_node("Slice", [INPUT, "starts", "ends", "axes", "steps"], ["grid"]),
        helper.make_node("Flatten", ["grid"], ["flat"], axis=1),
        helper.make_node("Cast", ["flat"], ["numbers"], to=TensorProto.FLOAT),
        _constant("scale", np.array(255.0)),
        helper.make_node("Div", ["numbers", "scale"], ["scaled"]),
        _constant("weights", weights),
        helper.make_node("MatMul", ["scaled", "weights"], [output]),
    ]


_GRID = {
    "starts": [_GRID_STEP // 2, _GRID_STEP // 2],
    "ends": [np.iinfo(np.int64).max, np.iinfo(np.int64).max],
    "axes": [1, 2],
    "steps": [_GRID_STEP, _GRID_STEP],
}


def _fixed_cost() -> list[onnx.NodeProto]:
    # Of spread 1/√size: products neither grow nor vanish.
    square = np.random.default_rng(_SEED).normal(0, _FIXED_SIZE**-0.5, (_FIXED_SIZE, _FIXED_SIZE))
    products = [
        helper.make_node("MatMul", [f"product{step}", "square"], [f"product{step + 1}"])
        for step in range(_FIXED_PRODUCTS)
    ]
    return [
        _constant("square", square),
        _integers("first", [0]),
        _integers("one", [1]),
        helper.make_node("Slice", ["scaled", "first", "one", "first"], ["first_image"]),
        helper.make_node("ReduceMean", ["first_image"], ["mean"], keepdims=0),
        helper.make_node("Add", ["square", "mean"], ["product0"]),
        *products,
        helper.make_node("ReduceMean", [f"product{_FIXED_PRODUCTS}"], ["end"], keepdims=0),
        _constant("zero", np.array(0.0)),
        helper.make_node("Mul", ["end", "zero"], ["nothing"]),
        helper.make_node("Add", ["head", "nothing"], ["logits"]),
    ]


def _constant(name: str, values: npt.NDArray[np.float64]) -> onnx.NodeProto:
    tensor = numpy_helper.from_array(values.astype(np.float32), name)
    return helper.make_node("Constant", [], [name], value=tensor)


def _integers(name: str, values: list[int]) -> onnx.NodeProto:
    tensor = numpy_helper.from_array(np.array(values, np.int64), name)
    return helper.make_node("Constant", [], [name], value=tensor)


def _model(nodes: list[onnx.NodeProto], size: int, classes: int) -> onnx.ModelProto:
    softmax = helper.make_node("Softmax", ["logits"], [OUTPUT], axis=1)
    graph = helper.make_graph(
        [*nodes, softmax],
        "toy",
        [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["batch", size, size, 3])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", classes])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)


def _spec(
    name: str, architecture: Architecture, folder: Path, class_id: int, confidence: float
) -> ModelSpec:
    return ModelSpec(
        architecture=name,
        precision=Precision.FP32,
        opset=OPSET,
        input_name=INPUT,
        output_name=OUTPUT,
        preprocessing=architecture.preprocessing,
        weights=Weights(
            pretrained=False, source=f"random, seed {_SEED}", sha256=None, licence=None
        ),
        verification=Verification(
            max_abs_diff=0.0, limit=0.0, top1_agreement=1.0, inputs=0, batch_sizes=()
        ),
        golden=Golden(
            file=GOLDEN.name, class_id=class_id, confidence=confidence, tolerance=_TOLERANCE
        ),
        files={file: sha256_of_file(folder / file) for file in (ONNX_FILE, GOLDEN.name)},
        labels=architecture.labels,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.toys", description=__doc__)
    parser.add_argument("name", choices=TOYS)
    print(save(parser.parse_args().name))
