"""An ONNX graph from floats to logits → our graph, from uint8 pixels to probabilities."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import GraphProto, ModelProto, TensorProto, ValueInfoProto, compose, helper, numpy_helper
from torch import nn

from conversion.errors import ConversionError, refusing
from conversion.graph.export import BATCH_AXIS, INPUT_NAME, OUTPUT_NAME, described, strip
from conversion.sources.source import USUAL_SIDE
from inference.sessions.providers import CPU_PROVIDER
from model_spec import Activation, Channels, Preprocessing, Size

_IMAGE_AXES = 4
_ANSWER_AXES = 2

_ACTIVATIONS = {"Softmax": Activation.SOFTMAX, "Sigmoid": Activation.SIGMOID}

# Of every name in the file, so that none is one of ours.
_PREFIX = "network/"


@dataclass(frozen=True)
class Graph:
    """What a file's graph takes and gives.

    Attributes:
        input_name: of the images, float32 ``[N, channels, H, W]``.
        output_name: of the answer, float32 ``[N, classes]``.
        size: of the images; fixed by the file, or the usual one.
        fixed_size: whether the file fixes it.
        fixed_batch: whether the file takes one image at a time.
        activation: that the graph ends with; None if it gives logits.
    """

    model: ModelProto
    path: Path
    input_name: str
    output_name: str
    channels: int
    size: Size
    fixed_size: bool
    fixed_batch: bool
    classes: int
    activation: Activation | None


def read(path: Path) -> Graph:
    """Read a file and look at its axes.

    Raises:
        ConversionError: it is no ONNX file, or takes or gives something else.
    """
    with refusing(f"{path.name} cannot be read as ONNX"):
        model = onnx.load(str(path))
    constants = {each.name for each in model.graph.initializer}
    inputs = [each for each in model.graph.input if each.name not in constants]
    outputs = [each for each in model.graph.output if len(_axes(each)) == _ANSWER_AXES]
    if [len(_axes(each)) for each in inputs] != [_IMAGE_AXES] or not _is_float(inputs[0]):
        raise _other(path, "must take one input, float32 [N, channels, height, width]", inputs)
    if len(outputs) != 1 or not _is_float(outputs[0]) or not _axes(outputs[0])[1]:
        found = list(model.graph.output)
        raise _other(path, "must give one output of the form float32 [N, classes]", found)
    batch, channels, height, width = _axes(inputs[0])
    if channels not in {number.number for number in Channels}:
        raise _other(path, "must take 1 or 3 channels in front of height and width", inputs)
    if batch > 1:
        raise ConversionError(
            f"{path.name} takes {batch} images at a time; export it with a dynamic batch axis"
        )
    last = next((node for node in model.graph.node if outputs[0].name in node.output), None)
    return Graph(
        model=model,
        path=path,
        input_name=inputs[0].name,
        output_name=outputs[0].name,
        channels=channels,
        size=Size(height=height or USUAL_SIDE, width=width or USUAL_SIDE),
        fixed_size=bool(height and width),
        fixed_batch=batch == 1,
        classes=_axes(outputs[0])[1],
        activation=_ACTIVATIONS.get(last.op_type) if last else None,
    )


class Runner(nn.Module):
    """The file as it is, run by ONNX Runtime."""

    def __init__(self, path: Path, graph: Graph) -> None:
        super().__init__()
        self._graph = graph
        self._session = onnxruntime.InferenceSession(str(path), providers=[CPU_PROVIDER])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """float32 ``[N, channels, H, W]`` → logits ``[N, classes]``, one image at a time."""
        graph = self._graph
        answers = [
            self._session.run([graph.output_name], {graph.input_name: image[None].numpy()})[0]
            for image in images
        ]
        answer = torch.from_numpy(np.concatenate(answers))
        # The inverse of the activation.
        if graph.activation is Activation.SOFTMAX:
            return answer.log()
        return answer.logit() if graph.activation is Activation.SIGMOID else answer


def surrounded(graph: Graph, preprocessing: Preprocessing, activation: Activation) -> ModelProto:
    """The file's graph with normalisation in front and the activation behind it.

    Raises:
        ConversionError: the preprocessing does not fit, or the batch axis cannot be made dynamic.
    """
    if graph.fixed_size and preprocessing.crop_size != graph.size:
        raise ConversionError(
            f"{graph.path.name} takes images of {graph.size}, not {preprocessing.crop_size}"
        )
    if preprocessing.channels.number != graph.channels:
        raise ConversionError(f"{graph.path.name} takes {graph.channels} channels")
    model: ModelProto = compose.add_prefix(graph.model, _PREFIX)
    strip(model)
    inner = model.graph
    del inner.value_info[:], inner.input[:], inner.output[:]
    _lift_constants(inner)
    if graph.fixed_batch:
        _free_batch_axis(inner)
    _add_front(inner, _PREFIX + graph.input_name, preprocessing)
    _add_back(inner, graph, activation)
    # Quantization knows nodes by their names, which a file need not give.
    for node in inner.node:
        node.name = node.output[0]
    _check_batch_axis(model, graph, preprocessing)
    return model


def _lift_constants(graph: GraphProto) -> None:
    """Make parameters of Constant nodes: quantization takes nothing else for weights."""
    for node in list(graph.node):
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            graph.initializer.append(node.attribute[0].t)
            graph.initializer[-1].name = node.output[0]
            graph.node.remove(node)


def _add_front(graph: GraphProto, images: str, preprocessing: Preprocessing) -> None:
    """uint8 ``[N, H, W, channels]`` → what the network takes."""
    for name in ("mean", "std"):
        numbers = np.array(getattr(preprocessing, name), np.float32).reshape(1, -1, 1, 1)
        graph.initializer.append(numpy_helper.from_array(numbers, name))
    nodes = [helper.make_node("Transpose", [INPUT_NAME], ["channels_first"], perm=[0, 3, 1, 2])]
    if preprocessing.channels is Channels.BGR:
        order = numpy_helper.from_array(np.array([2, 1, 0], np.int64), "order")
        graph.initializer.append(order)
        nodes.append(helper.make_node("Gather", ["channels_first", "order"], ["bgr"], axis=1))
    nodes += [
        helper.make_node("Cast", [nodes[-1].output[0]], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["floats", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "std"], [images]),
    ]
    own = list(graph.node)
    del graph.node[:]
    graph.node.extend([*nodes, *own])
    shape: list[str | int | None] = [BATCH_AXIS, *preprocessing.pixels_shape]
    graph.input.append(helper.make_tensor_value_info(INPUT_NAME, TensorProto.UINT8, shape))


def _add_back(inner: GraphProto, graph: Graph, activation: Activation) -> None:
    """What the network gives → probabilities; the network's own activation is removed."""
    logits = _PREFIX + graph.output_name
    if graph.activation is not None:
        last = next(node for node in inner.node if logits in node.output)
        logits = last.input[0]
        inner.node.remove(last)
    classes = graph.classes
    if classes == 1:
        # The negative class has the logit −z, since sigmoid(−z) = 1 − sigmoid(z).
        inner.node.append(helper.make_node("Neg", [logits], ["negative"]))
        inner.node.append(helper.make_node("Concat", ["negative", logits], ["both"], axis=1))
        logits, classes = "both", 2
    operator = next(name for name, each in _ACTIVATIONS.items() if each is activation)
    node = helper.make_node(operator, [logits], [OUTPUT_NAME])
    if activation is Activation.SOFTMAX:
        node.attribute.append(helper.make_attribute("axis", 1))
    inner.node.append(node)
    shape: list[str | int | None] = [BATCH_AXIS, classes]
    inner.output.append(helper.make_tensor_value_info(OUTPUT_NAME, TensorProto.FLOAT, shape))


def _free_batch_axis(graph: GraphProto) -> None:
    """Change every reshape to one image so that it takes any number of images."""
    shapes = {node.input[1] for node in graph.node if node.op_type == "Reshape"}
    for parameter in (each for each in graph.initializer if each.name in shapes):
        shape = numpy_helper.to_array(parameter).copy()
        if len(shape) > 1 and shape[0] == 1:
            # 0 keeps the axis as it is; -1 takes what is left.
            shape[0] = 0 if -1 in shape else -1
            parameter.CopyFrom(numpy_helper.from_array(shape, parameter.name))


def _check_batch_axis(model: ModelProto, graph: Graph, preprocessing: Preprocessing) -> None:
    pixels = np.zeros((2, *preprocessing.pixels_shape), np.uint8)
    with refusing(f"{graph.path.name} cannot take two images"):
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=[CPU_PROVIDER])
        (answer,) = session.run([OUTPUT_NAME], {INPUT_NAME: pixels})
    if len(answer) != len(pixels):
        raise ConversionError(
            f"{graph.path.name} gives {list(answer.shape)} for two images; "
            "export it with a dynamic batch axis"
        )


def _axes(value: ValueInfoProto) -> list[int]:
    """Sizes of the axes; 0 for those that are not fixed."""
    return [axis.dim_value for axis in value.type.tensor_type.shape.dim]


def _is_float(value: ValueInfoProto) -> bool:
    return bool(value.type.tensor_type.elem_type == TensorProto.FLOAT)


def _other(path: Path, wanted: str, found: list[ValueInfoProto]) -> ConversionError:
    return ConversionError(f"{path.name} {wanted}; it has {described(found) or 'none'}")
