from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper, parser
from torch import nn

from conversion.graph import export, verify
from conversion.original import original_of
from conversion.photographs import photograph_pixels
from conversion.request import Request
from conversion.sources.lookup import source_of
from conversion.sources.onnx_file import OnnxFile
from model_spec import ONNX_FILE, Activation, Channels, Precision, Size
from tests.support.refusals import refusal

CLASSES = 3


def written(folder: Path, tail: str = "", **changes: Any) -> Path:
    """A pooling network with one fully connected layer, as a file.

    Args:
        folder: to write into.
        tail: an operator behind the logits.
        changes: ``batch``, ``channels`` and ``side`` of the input, its ``type``, the
            ``shape`` that a reshape gives, and the number of ``classes``.
    """
    batch, channels = changes.get("batch", "N"), changes.get("channels", 3)
    classes, side = changes.get("classes", CLASSES), changes.get("side", 32)
    last = tail.lower() or "logits"
    model = parser.parse_model(f"""
        <ir_version: 8, opset_import: ["" : 17]>
        graph ({changes.get("type", "float")}[{batch}, {channels}, {side}, {side}] pixels)
        => (float[{batch}, {classes}] {last}) {{
            pooled = GlobalAveragePool (pixels)
            flat = Reshape (pooled, shape)
            logits = MatMul (flat, weights)
            {f"{last} = {tail} (logits)" if tail else ""}
        }}
    """)
    numbers = np.random.default_rng(0).normal(0, 2, (channels, classes)).astype(np.float32)
    shape = np.array(changes.get("shape", [-1, channels]), np.int64)
    model.graph.initializer.append(numpy_helper.from_array(numbers, "weights"))
    model.graph.initializer.append(numpy_helper.from_array(shape, "shape"))
    onnx.save(model, folder / "mine.onnx")
    return folder / "mine.onnx"


def verified(
    path: Path, activation: Activation | None = None, labels: Sequence[str] = ("a", "b", "c")
) -> onnx.ModelProto:
    """The file with our front and back, compared with itself."""
    file = path.with_name("labels.txt")
    file.write_text("\n".join(labels))
    request = Request(f"onnx:{path}", labels_file=file, activation=activation)
    found = original_of(request)
    proto = request.source.exported(found.network, found.preprocessing, 18, found.activation)
    export.save(proto, path.parent)
    model = verify.PyTorchModel(
        found.network, found.preprocessing, len(labels), found.activation, fused=False
    )
    pixels = photograph_pixels(found.preprocessing)
    verification, _ = verify.verify(path.parent / ONNX_FILE, model, pixels, Precision.FP32)
    assert verification.top1_agreement == 1
    return proto


def unread(path: Path) -> str:
    """Why a file is refused."""
    return refusal(lambda: OnnxFile(f"onnx:{path}").description)


def test_each_node_gets_a_name_of_its_own(tmp_path: Path) -> None:
    path = written(tmp_path, "Softmax")
    assert {node.name for node in onnx.load(path).graph.node} == {""}
    names = [node.name for node in verified(path).graph.node]
    assert "" not in names
    assert len(set(names)) == len(names)


def test_weights_of_constant_nodes_become_parameters(tmp_path: Path) -> None:
    path = written(tmp_path)
    model = onnx.load(path)
    weights = next(each for each in model.graph.initializer if each.name == "weights")
    model.graph.node.insert(0, helper.make_node("Constant", [], ["weights"], value=weights))
    model.graph.initializer.remove(weights)
    onnx.save(model, path)
    graph = verified(path).graph
    assert "Constant" not in {node.op_type for node in graph.node}
    assert "network/weights" in {each.name for each in graph.initializer}


@pytest.mark.parametrize(
    ("tail", "activation", "last"),
    [
        ("", Activation.SOFTMAX, "Softmax"),
        ("", Activation.SIGMOID, "Sigmoid"),
        ("Softmax", None, "Softmax"),
        ("Sigmoid", None, "Sigmoid"),
    ],
)
def test_pixels_go_in_and_probabilities_come_out(
    tmp_path: Path, tail: str, activation: Activation | None, last: str
) -> None:
    proto = verified(written(tmp_path, tail), activation)
    operators = [node.op_type for node in proto.graph.node]
    assert operators[:4] == ["Transpose", "Cast", "Sub", "Div"]
    assert operators[-1] == last
    assert operators.count(last) == 1


def test_one_output_becomes_two_classes(tmp_path: Path) -> None:
    verified(written(tmp_path, "Sigmoid", classes=1), labels=("good", "bad"))


@pytest.mark.parametrize("shape", [[1, 3], [1, -1], [0, -1]])
def test_a_file_for_one_image_takes_any_number(tmp_path: Path, shape: list[int]) -> None:
    proto = verified(written(tmp_path, batch=1, shape=shape))
    (batch, *_) = proto.graph.input[0].type.tensor_type.shape.dim
    assert batch.dim_param == "batch"


def test_a_batch_axis_that_is_fixed_inside_is_refused(tmp_path: Path) -> None:
    source = OnnxFile(f"onnx:{written(tmp_path, batch=1, shape=[3])}")
    preprocessing = source.description.preprocessing
    message = refusal(source.exported, nn.Identity(), preprocessing, 18, Activation.SOFTMAX)
    assert message.startswith("mine.onnx cannot take two images (")


def test_a_grey_network_gets_one_channel(tmp_path: Path) -> None:
    path = written(tmp_path, channels=1)
    assert OnnxFile(f"onnx:{path}").description.preprocessing.channels is Channels.GREY
    verified(path)


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
    message = refusal(source.exported, nn.Identity(), other, 18, Activation.SOFTMAX)
    assert message == "mine.onnx takes images of 32, not 30"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"channels": 4},
            "mine.onnx must take 1 or 3 channels in front of height and width; "
            "it has pixels float [N, 4, 32, 32]",
        ),
        (
            {"type": "float16"},
            "mine.onnx must take one input, float32 [N, channels, height, width]; "
            "it has pixels float16 [N, 3, 32, 32]",
        ),
        ({"batch": 8}, "mine.onnx takes 8 images at a time; export it with a dynamic batch axis"),
    ],
)
def test_another_input_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    assert unread(written(tmp_path, **changes)) == message


def test_what_is_no_onnx_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.onnx").write_bytes(b"<html>")
    assert unread(tmp_path / "mine.onnx").startswith("mine.onnx cannot be read as ONNX (")
    assert unread(tmp_path / "absent.onnx").startswith("absent.onnx cannot be read as ONNX (")


def test_parameters_in_a_second_file_count(tmp_path: Path) -> None:
    path, beside = written(tmp_path), tmp_path / "mine.onnx.data"
    model = onnx.load(path)
    onnx.save(model, path, save_as_external_data=True, location=beside.name, size_threshold=0)
    before = Request(f"onnx:{path}").fingerprint
    beside.write_bytes(beside.read_bytes()[::-1])
    assert Request(f"onnx:{path}").fingerprint != before
    beside.unlink()
    assert refusal(OnnxFile(f"onnx:{path}").published) == (
        "mine.onnx has parameters in mine.onnx.data, which must lie beside it"
    )


def test_it_takes_no_other_weights(tmp_path: Path) -> None:
    source = OnnxFile(f"onnx:{written(tmp_path)}")
    assert refusal(source.build, 3) == "onnx:mine.onnx has its own weights: give no others"


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    absent, takes = tmp_path / "absent.onnx", "onnx: takes an ONNX file, and"
    assert refusal(OnnxFile(f"onnx:{absent}").published) == f"{takes} there is no {absent}"
    folder = OnnxFile(f"onnx:{tmp_path}")
    assert refusal(folder.published) == f"{takes} {tmp_path} is a folder without any"
    (tmp_path / "mine.onnx").touch()
    assert refusal(folder.published) == (
        f"{takes} {tmp_path} is a folder with mine.onnx; give the path of one file"
    )


def test_a_graph_that_cannot_be_run_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "SomebodysOwn")

    message = refusal(OnnxFile(f"onnx:{path}").build_published, path)

    assert message.startswith("mine.onnx cannot be run (")
    assert "SomebodysOwn" in message
