"""PyTorch network → ONNX graph: uint8 pixels in, probabilities out."""

import logging
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

import onnx
import torch
from torch import nn

from conversion.errors import ConversionError, first_line
from model_spec import ONNX_FILE, Activation, Channels, Preprocessing, sha256_of_file

INPUT_NAME = "pixels"
OUTPUT_NAME = "probabilities"
BATCH_AXIS = "batch"

_LOGITS_AXES = 2

# Both are the domain of ONNX's own operators.
_ONNX_DOMAIN = ("", "ai.onnx")

# The limit of Protocol Buffers; larger models keep their parameters in a second file.
_PROTOBUF_LIMIT_BYTES = 2**31 - 1
EXTERNAL_DATA_FILE = f"{ONNX_FILE}.data"


class PixelsToProbabilities(nn.Module):
    """A network with its normalisation in front and its activation behind it.

    The network takes float32 ``[N, channels, H, W]`` and gives logits, see :func:`logits_of`.
    """

    def __init__(
        self,
        network: nn.Module,
        preprocessing: Preprocessing,
        activation: Activation = Activation.SOFTMAX,
    ) -> None:
        super().__init__()
        self.activation = activation
        self.network = network
        self.mean: torch.Tensor
        self.std: torch.Tensor
        self.register_buffer("mean", torch.tensor(preprocessing.mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(preprocessing.std).view(1, -1, 1, 1))
        self.reverses_channels = preprocessing.channels is Channels.BGR

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """uint8 ``[N, H, W, channels]`` → float32 ``[N, classes]``."""
        if self.reverses_channels:
            pixels = pixels.flip(3)
        # Otherwise PyTorch sees its channels-last layout, and the exporter writes the strides of
        # every global pooling into the graph.
        channels_first = pixels.permute(0, 3, 1, 2).to(torch.float32).contiguous()
        logits = logits_of(self.network((channels_first - self.mean) / self.std))
        return probabilities_of(logits, self.activation)


def probabilities_of(logits: torch.Tensor, activation: Activation) -> torch.Tensor:
    """Logits → probabilities, both float32 ``[N, classes]``; with softmax they sum to 1."""
    if activation is Activation.SIGMOID:
        return torch.sigmoid(logits)
    return torch.softmax(logits, dim=1)


def logits_of(output: object) -> torch.Tensor:
    """The logits, float32 ``[N, classes]``, of a network's output: a tensor or a record.

    Raises:
        ConversionError: it gave anything else.
    """
    logits = getattr(output, "logits", output)
    if not isinstance(logits, torch.Tensor) or logits.ndim != _LOGITS_AXES:
        shape = f" of shape {list(logits.shape)}" if isinstance(logits, torch.Tensor) else ""
        raise ConversionError(
            f"the network gives a {type(logits).__name__}{shape}; "
            "it must give one logit per class: a tensor [N, classes]"
        )
    return logits


def export(
    network: nn.Module,
    preprocessing: Preprocessing,
    opset: int,
    activation: Activation = Activation.SOFTMAX,
) -> onnx.ModelProto:
    """Export a network in eval mode: a dynamic batch axis, folded constants, fused batch norms.

    Raises:
        ConversionError: PyTorch cannot export this network or this opset.
    """
    # Two images: with one, the exporter would take the batch axis for a constant.
    example = torch.zeros(2, *preprocessing.pixels_shape, dtype=torch.uint8)
    module = PixelsToProbabilities(network, preprocessing, activation).eval()
    for name in ("torch.onnx", "onnxscript"):
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        with torch.inference_mode(False), torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                module,
                (example,),
                dynamo=True,
                optimize=True,
                opset_version=opset,
                input_names=[INPUT_NAME],
                output_names=[OUTPUT_NAME],
                dynamic_shapes={INPUT_NAME: {0: torch.export.Dim(BATCH_AXIS)}},
                verbose=False,
            )
    except Exception as error:
        # The exporter wraps the reason in a page of advice.
        reason = first_line(error.__cause__ or error)
        raise ConversionError(f"PyTorch cannot export this network: {reason}") from error
    assert program is not None
    proto: onnx.ModelProto = program.model_proto
    strip(proto)
    got = opset_of(proto)
    if got != opset:
        raise ConversionError(f"the exporter gave opset {got}, not {opset}")
    return proto


def opset_of(proto: onnx.ModelProto) -> int:
    """Version of the ONNX operators."""
    return int(next(each.version for each in proto.opset_import if each.domain in _ONNX_DOMAIN))


def save(
    proto: onnx.ModelProto, folder: Path, properties: Mapping[str, str] = MappingProxyType({})
) -> dict[str, str]:
    """Write ``model.onnx``; parameters over 2 GiB are moved from the graph to a second file.

    Args:
        properties: what belongs to the model beside the graph. It is kept in the file, so that
            models that differ in it have different hashes.

    Returns:
        The sha256 of each file, by name, ``model.onnx`` first.
    """
    names = [ONNX_FILE]
    facts = dict(properties)
    if proto.ByteSize() > _PROTOBUF_LIMIT_BYTES:
        names.append(EXTERNAL_DATA_FILE)
        onnx.external_data_helper.convert_model_to_external_data(proto, location=names[1])
        onnx.external_data_helper.write_external_data_tensors(proto, str(folder))
        # The tag is made from the hash of model.onnx, which so stands for both files.
        facts[names[1]] = sha256_of_file(folder / names[1])
    onnx.helper.set_model_props(proto, facts)
    (folder / ONNX_FILE).write_bytes(proto.SerializeToString(deterministic=True))
    return hashes(folder, *names)


def hashes(folder: Path, *names: str) -> dict[str, str]:
    """The sha256 of files in a folder, by name."""
    return {name: sha256_of_file(folder / name) for name in names}


def graph_files(folder: Path) -> list[str]:
    """Names of the files that :func:`save` wrote into a folder."""
    return [name for name in (ONNX_FILE, EXTERNAL_DATA_FILE) if (folder / name).exists()]


def described(values: Iterable[onnx.ValueInfoProto]) -> str:
    """Name, type and axes of inputs or outputs, such as ``pixels uint8 [batch, 224, 224, 3]``."""
    return ", ".join(map(_described, values))


def _described(value: onnx.ValueInfoProto) -> str:
    tensor = value.type.tensor_type
    axes = ", ".join(each.dim_param or str(each.dim_value or "?") for each in tensor.shape.dim)
    kind = onnx.TensorProto.DataType.Name(tensor.elem_type).lower()
    return f"{value.name} {kind} [{axes}]"


def strip(proto: onnx.ModelProto) -> None:
    """Remove the exporter's notes: stack traces, paths, Python names.

    The same network then gives the same bytes wherever it is converted.
    """
    graph = proto.graph
    proto.doc_string = graph.doc_string = ""
    del proto.metadata_props[:], graph.metadata_props[:]
    for annotated in (graph.node, graph.input, graph.output, graph.value_info, graph.initializer):
        for each in annotated:
            del each.metadata_props[:]
            each.doc_string = ""
