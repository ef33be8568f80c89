from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from conversion.errors import ConversionError
from conversion.graph import export, verify
from conversion.original import original_of
from conversion.photographs import photograph_pixels
from conversion.request import Request
from conversion.sources.lookup import source_of
from conversion.sources.onnx_file import OnnxFile
from model_spec import Activation, Channels, Precision, Size

CLASSES = 3


def written(folder: Path, *tail: str, **changes: Any) -> Path:
    """A pooling network with one fully connected layer, as a file.

    Args:
        folder: to write into.
        tail: operators behind the logits.
        changes: ``batch``, ``channels`` and ``side`` of the input, its ``type``, the
            ``shape`` that a reshape gives, and the number of ``classes``.
    """
    batch, channels = changes.get("batch", "N"), changes.get("channels", 3)
    classes = changes.get("classes", CLASSES)
    side, shape = changes.get("side", 32), changes.get("shape", [-1, channels])
    numbers = np.random.default_rng(0).normal(0, 2, (channels, classes)).astype(np.float32)
    nodes = [
        helper.make_node("GlobalAveragePool", ["pixels"], ["pooled"]),
        helper.make_node("Reshape", ["pooled", "shape"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
    ]
    for operator in tail:
        nodes.append(helper.make_node(operator, [nodes[-1].output[0]], [operator.lower()]))
    make, kind = helper.make_tensor_value_info, changes.get("type", TensorProto.FLOAT)
    graph = helper.make_graph(
        nodes,
        "graph",
        [make("pixels", kind, [batch, channels, side, side])],
        [make(nodes[-1].output[0], TensorProto.FLOAT, [batch, classes])],
        [
            numpy_helper.from_array(numbers, "weights"),
            numpy_helper.from_array(np.array(shape, np.int64), "shape"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, folder / "mine.onnx")
    return folder / "mine.onnx"


def verified(path: Path, folder: Path, activation: Activation | None = None) -> onnx.ModelProto:
    """The file with our front and back, compared with itself."""
    source = source_of(f"onnx:{path}")
    preprocessing = source.description.preprocessing
    network = source.build_published(path).eval()
    chosen = activation or source.description.activation
    proto = source.exported(network, preprocessing, 18, chosen)
    export.save(proto, folder)
    model = verify.PyTorchModel(network, preprocessing, CLASSES, chosen, fused=False)
    pixels = photograph_pixels(preprocessing)
    found = verify.verify(folder / "model.onnx", model, pixels, Precision.FP32)
    assert found.top1_agreement == 1
    return proto


def refusal(path: Path) -> str:
    with pytest.raises(ConversionError) as caught:
        _ = OnnxFile(f"onnx:{path}").description
    return str(caught.value)


@pytest.mark.parametrize(
    ("tail", "activation", "last"),
    [
        ([], Activation.SOFTMAX, "Softmax"),
        ([], Activation.SIGMOID, "Sigmoid"),
        (["Softmax"], None, "Softmax"),
        (["Sigmoid"], None, "Sigmoid"),
    ],
)
def test_pixels_go_in_and_probabilities_come_out(
    tmp_path: Path, tail: list[str], activation: Activation | None, last: str
) -> None:
    proto = verified(written(tmp_path, *tail), tmp_path, activation)
    operators = [node.op_type for node in proto.graph.node]
    assert operators[:4] == ["Transpose", "Cast", "Sub", "Div"]
    assert operators[-1] == last
    assert operators.count(last) == 1


def test_one_output_becomes_two_classes(tmp_path: Path) -> None:
    path = written(tmp_path, "Sigmoid", classes=1)
    labels = tmp_path / "labels.txt"
    labels.write_text("good\nbad\n")
    request = Request(f"onnx:{path}", labels_file=labels)
    original = original_of(request)
    proto = request.source.exported(
        original.network, original.preprocessing, 18, original.activation
    )
    export.save(proto, tmp_path)
    model = verify.PyTorchModel(
        original.network, original.preprocessing, 2, Activation.SIGMOID, fused=False
    )
    pixels = photograph_pixels(original.preprocessing)
    found = verify.verify(tmp_path / "model.onnx", model, pixels, Precision.FP32)
    assert found.top1_agreement == 1
    np.testing.assert_allclose(model.probabilities(pixels).sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("shape", [[1, 3], [1, -1], [0, -1]])
def test_a_file_for_one_image_takes_any_number(tmp_path: Path, shape: list[int]) -> None:
    proto = verified(written(tmp_path, batch=1, shape=shape), tmp_path)
    (batch, *_) = proto.graph.input[0].type.tensor_type.shape.dim
    assert batch.dim_param == "batch"


def test_a_batch_axis_that_is_fixed_inside_is_refused(tmp_path: Path) -> None:
    source = OnnxFile(f"onnx:{written(tmp_path, batch=1, shape=[3])}")
    preprocessing = source.description.preprocessing
    with pytest.raises(ConversionError, match=r"^mine\.onnx cannot take two images \(") as caught:
        source.exported(nn.Identity(), preprocessing, 18, Activation.SOFTMAX)
    assert "\n" not in str(caught.value)


def test_a_grey_network_gets_one_channel(tmp_path: Path) -> None:
    path = written(tmp_path, channels=1)
    assert OnnxFile(f"onnx:{path}").description.preprocessing.channels is Channels.GREY
    verified(path, tmp_path)


def test_what_is_known_of_a_file(tmp_path: Path) -> None:
    source = source_of(f"onnx:{written(tmp_path)}")
    found = source.description
    assert source.name == "onnx:mine.onnx"
    assert (found.classes, found.labels, found.assumed) == (CLASSES, None, True)
    assert found.preprocessing.crop_size == Size.square(32)
    assert found.preprocessing.resize_size == Size.square(37)
    assert source.published()[1].source == "mine.onnx"


def test_without_a_fixed_size_it_is_the_usual_one(tmp_path: Path) -> None:
    found = OnnxFile(f"onnx:{written(tmp_path, side='side')}").description
    assert found.preprocessing.crop_size == Size.square(224)


def test_another_size_than_the_files_is_refused(tmp_path: Path) -> None:
    source = OnnxFile(f"onnx:{written(tmp_path)}")
    other = source.description.preprocessing.model_copy(update={"crop_size": Size.square(30)})
    with pytest.raises(ConversionError, match=r"^mine\.onnx takes images of 32, not 30$"):
        source.exported(nn.Identity(), other, 18, Activation.SOFTMAX)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"channels": 4},
            "mine.onnx must take 1 or 3 channels in front of height and width; "
            "it has pixels float [N, 4, 32, 32]",
        ),
        (
            {"type": TensorProto.FLOAT16},
            "mine.onnx must take one input, float32 [N, channels, height, width]; "
            "it has pixels float16 [N, 3, 32, 32]",
        ),
        ({"batch": 8}, "mine.onnx takes 8 images at a time; export it with a dynamic batch axis"),
    ],
)
def test_another_input_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    assert refusal(written(tmp_path, **changes)) == message


def test_what_is_no_onnx_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.onnx").write_bytes(b"<html>")
    assert refusal(tmp_path / "mine.onnx").startswith("mine.onnx cannot be read as ONNX (")
    assert refusal(tmp_path / "absent.onnx").startswith("absent.onnx cannot be read as ONNX (")


def test_it_takes_no_other_weights(tmp_path: Path) -> None:
    with pytest.raises(ConversionError) as caught:
        OnnxFile(f"onnx:{written(tmp_path)}").build(CLASSES)
    assert str(caught.value) == "onnx:mine.onnx has its own weights: give no others"


@pytest.mark.parametrize("name", ["", "absent.onnx"])
def test_what_is_no_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConversionError) as caught:
        OnnxFile(f"onnx:{tmp_path / name}").published()
    assert str(caught.value) == f"no ONNX file {tmp_path / name}"


def test_a_graph_that_cannot_be_run_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "SomebodysOwn")

    with pytest.raises(ConversionError) as caught:
        OnnxFile(f"onnx:{path}").build_published(path)

    assert str(caught.value).startswith("mine.onnx cannot be run (")
    assert "SomebodysOwn" in str(caught.value)
