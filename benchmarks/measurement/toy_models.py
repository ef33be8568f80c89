"""Models with chosen costs: ``python -m benchmarks.measurement.toy_models NAME``.

Both look at a coarse grid of the pixels, so that different photographs get different
answers; their parameters are random, with a fixed seed.

near_zero
    costs next to nothing: it shows what the server costs.
sublinear
    has a fixed cost of about 10 ms for every ``session.run``, whatever the batch: a larger
    batch is cheaper for each image, as on a GPU.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper, parser

from benchmarks.measurement.core import Core
from conversion import store
from conversion.photographs import GOLDEN
from conversion.sources.lookup import DEFAULT, source_of
from model_spec import (
    ONNX_FILE,
    Golden,
    ModelSpec,
    Precision,
    Verification,
    Weights,
    sha256_of_file,
)

OPSET = 18

_SEED = 0
_TOLERANCE = 1e-3

_GRID_STEP = 32
_SQUARE = 512  # six products of square matrices of this size: about 10 ms on one thread
_GRAPH = """
<ir_version: 10, opset_import: ["": {opset}]>
toy (uint8[batch, {size}, {size}, 3] pixels) => (float[batch, {classes}] probabilities)
<int64[2] starts = {{{start}, {start}}}, int64[2] ends = {{{size}, {size}}},
 int64[2] axes = {{1, 2}}, int64[2] steps = {{{step}, {step}}}, float scale = {{255.0}}> {{
    grid = Slice(pixels, starts, ends, axes, steps)
    flat = Flatten<axis = 1>(grid)
    numbers = Cast<to = 1>(flat)
    scaled = Div(numbers, scale)
    {body}
    probabilities = Softmax<axis = 1>(logits)
}}
"""
_BODIES = {
    "near_zero": "logits = MatMul(scaled, weights)",
    # The products begin with a number of the first image, so that they cannot be folded into a
    # constant, and end multiplied by zero: the answers are those without them.
    "sublinear": """
    first = Constant <value_ints = [0]> ()
    one = Constant <value_ints = [1]> ()
    zero = Constant <value_float = 0.0> ()
    head = MatMul(scaled, weights)
    first_image = Slice(scaled, first, one, first)
    mean = ReduceMean<keepdims = 0>(first_image)
    product0 = Add(square, mean)
    product1 = MatMul(product0, square)
    product2 = MatMul(product1, square)
    product3 = MatMul(product2, square)
    product4 = MatMul(product3, square)
    product5 = MatMul(product4, square)
    product6 = MatMul(product5, square)
    end = ReduceMean<keepdims = 0>(product6)
    nothing = Mul(end, zero)
    logits = Add(head, nothing)""",
}
TOYS = tuple(_BODIES)


def graph(name: str, size: int, classes: int) -> onnx.ModelProto:
    """uint8 ``[N, size, size, 3]`` → float32 ``[N, classes]``: a grid, a matrix, softmax."""
    start = _GRID_STEP // 2
    points = len(range(start, size, _GRID_STEP)) ** 2 * 3
    values = {"size": size, "classes": classes, "start": start, "step": _GRID_STEP}
    model: onnx.ModelProto = parser.parse_model(
        _GRAPH.format(body=_BODIES[name], opset=OPSET, **values)
    )
    # Of spread 1/√size, so that products neither grow nor vanish.
    for parameter, shape, spread in (
        ("weights", (points, classes), 0.1),
        ("square", (_SQUARE, _SQUARE), _SQUARE**-0.5),
    ):
        if f" {parameter})" not in _BODIES[name]:
            continue
        numbers = np.random.default_rng(_SEED).normal(0, spread, shape).astype(np.float32)
        model.graph.initializer.append(numpy_helper.from_array(numbers, parameter))
    return model


def write(name: str, folder: Path) -> ModelSpec:
    """Write a toy's files into a folder, with the answer for the golden image in the spec."""
    default = source_of(DEFAULT).description
    labels = default.labels or ()
    size, classes = default.preprocessing.crop_size.height, len(labels)
    onnx.save(graph(name, size, classes), folder / ONNX_FILE)
    (folder / GOLDEN.name).write_bytes(GOLDEN.read_bytes())
    spec = ModelSpec(
        architecture=name,
        precision=Precision.FP32,
        opset=OPSET,
        input_name="pixels",
        output_name="probabilities",
        preprocessing=default.preprocessing,
        weights=Weights(
            pretrained=False, source=f"random, seed {_SEED}", sha256=None, licence=None
        ),
        verification=Verification(
            max_abs_diff=0.0, limit=0.0, top1_agreement=1.0, inputs=0, batch_sizes=()
        ),
        golden=Golden(file=GOLDEN.name, class_id=0, confidence=0.0, tolerance=_TOLERANCE),
        files={file: sha256_of_file(folder / file) for file in (ONNX_FILE, GOLDEN.name)},
        labels=labels,
    )
    spec.save(folder)
    core = Core(folder)
    (probabilities,) = core.probabilities([core.pixels(GOLDEN.read_bytes())])
    best = int(probabilities.argmax())
    answer = {"class_id": best, "confidence": float(probabilities[best])}
    return spec.model_copy(update={"golden": spec.golden.model_copy(update=answer)})


def save(name: str) -> str:
    """Put a toy into the model store; returns its tag."""
    with tempfile.TemporaryDirectory(prefix="toy-") as temporary:
        folder = Path(temporary)
        return store.save(folder, write(name, folder), fingerprint=name)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.measurement.toy_models")
    arguments.add_argument("name", choices=TOYS)
    print(save(arguments.parse_args().name))
