import hashlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from conversion.errors import ConversionError
from conversion.graph.export import PixelsToProbabilities, export, logits_of, save
from conversion.graph.half import halved
from conversion.graph.verify import PyTorchModel
from conversion.request import DEFAULT_OPSET
from model_spec import ONNX_FILE, Activation, Preprocessing, sha256_of_file

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).parents[3]


def copy(proto: onnx.ModelProto) -> onnx.ModelProto:
    copied = onnx.ModelProto()
    copied.CopyFrom(proto)
    return copied


def answers(path: Path) -> np.ndarray:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found: np.ndarray = session.run(["probabilities"], {"pixels": pixels})[0]
    return found


def notes(graph: onnx.GraphProto) -> Iterator[str]:
    """Whatever the exporter noted for human readers."""
    described = (graph, *graph.node, *graph.input, *graph.output, *graph.value_info)
    for each in (*described, *graph.initializer):
        yield each.doc_string
        yield from (note.value for note in each.metadata_props)


def test_the_normalisation_and_softmax_are_part_of_the_network(
    tiny_preprocessing: Preprocessing,
) -> None:
    network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    module = PixelsToProbabilities(network, tiny_preprocessing)
    pixels = torch.tensor([255, 184, 142], dtype=torch.uint8).expand(1, 8, 8, 3)
    # (255 - 127) / 128, (184 - 120) / 64 and (142 - 110) / 32 are all 1.
    torch.testing.assert_close(module(pixels), torch.full((1, 3), 1 / 3))
    pixels = torch.tensor([255, 120, 110], dtype=torch.uint8).expand(1, 8, 8, 3)
    e = torch.e
    expected = torch.tensor([[e / (e + 2), 1 / (e + 2), 1 / (e + 2)]])
    torch.testing.assert_close(module(pixels), expected)


def test_sigmoid_lets_each_class_stand_for_itself(tiny_preprocessing: Preprocessing) -> None:
    network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    module = PixelsToProbabilities(network, tiny_preprocessing, Activation.SIGMOID)
    pixels = torch.tensor([127, 184, 110], dtype=torch.uint8).expand(1, 8, 8, 3)
    expected = torch.tensor([[0.5, torch.e / (torch.e + 1), 0.5]])
    torch.testing.assert_close(module(pixels), expected)


def test_logits_are_a_tensor_or_in_a_record() -> None:
    logits = torch.zeros(2, 3)
    assert logits_of(logits) is logits
    assert logits_of(SimpleNamespace(logits=logits)) is logits


@pytest.mark.parametrize(
    ("output", "found"),
    [
        ((torch.zeros(2, 3), torch.zeros(2, 3)), "tuple"),
        (torch.zeros(2, 3, 1, 1), "Tensor of shape [2, 3, 1, 1]"),
        ({"logits": torch.zeros(2, 3)}, "dict"),
    ],
)
def test_a_network_that_gives_anything_else_is_refused(output: object, found: str) -> None:
    with pytest.raises(ConversionError) as caught:
        logits_of(output)
    assert str(caught.value) == (
        f"the network gives a {found}; it must give one logit per class: a tensor [N, classes]"
    )


SEEN = {
    "rgb": ([10, 20, 30], [255, 20, 30], [1, 0, 0]),
    "bgr": ([10, 20, 30], [255, 20, 10], [0, 0, 1]),
    "grey": ([10], [255], [1]),
}
"""Means of the network's channels, a pixel, and what the network gets of it."""


@pytest.mark.parametrize("channels", SEEN)
@pytest.mark.parametrize("make", [lambda proto: proto, halved], ids=["fp32", "fp16"])
def test_the_network_sees_its_channels_in_its_order(
    channels: str,
    make: Callable[[onnx.ModelProto], onnx.ModelProto],
    tiny_preprocessing: Preprocessing,
    tmp_path: Path,
) -> None:
    numbers, pixel, seen = SEEN[channels]
    fields = tiny_preprocessing.model_dump() | {
        "crop_size": [6, 8],
        "channels": channels,
        "mean": numbers,
        "std": [255 - number for number in numbers],
    }
    preprocessing = Preprocessing.model_validate(fields)
    network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), TwoOfAny())
    save(make(export(network, preprocessing, DEFAULT_OPSET)), tmp_path)

    pixels = np.array(pixel, np.uint8) * np.ones((1, *preprocessing.pixels_shape), np.uint8)
    session = onnxruntime.InferenceSession(
        str(tmp_path / ONNX_FILE), providers=["CPUExecutionProvider"]
    )
    found = session.run(["probabilities"], {"pixels": pixels})[0]

    expected = torch.tensor([[*seen, 0.0]]).softmax(1).numpy()
    assert np.abs(found - expected).max() < 1e-3
    of_pytorch = PyTorchModel(network, preprocessing, len(seen) + 1).probabilities(pixels)
    assert np.abs(of_pytorch - expected).max() < 1e-6


class TwoOfAny(nn.Module):
    """Adds a class of which nothing speaks: of one class alone, softmax makes 1."""

    def forward(self, logits: torch.Tensor) -> torch.Tensor:
        return nn.functional.pad(logits, (0, 1))


def test_pixels_go_in_and_probabilities_come_out(tiny_graph: onnx.ModelProto) -> None:
    onnx.checker.check_model(tiny_graph, full_check=True)
    (pixels,), (probabilities,) = tiny_graph.graph.input, tiny_graph.graph.output
    make = onnx.helper.make_tensor_type_proto
    assert (pixels.name, probabilities.name) == ("pixels", "probabilities")
    assert pixels.type == make(onnx.TensorProto.UINT8, ["batch", 8, 8, 3])
    assert probabilities.type == make(onnx.TensorProto.FLOAT, ["batch", 3])


def test_the_graph_computes_what_the_network_does(
    tiny_graph: onnx.ModelProto,
    tiny_network: nn.Module,
    tiny_preprocessing: Preprocessing,
    tmp_path: Path,
) -> None:
    save(copy(tiny_graph), tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    with torch.inference_mode():
        module = PixelsToProbabilities(tiny_network, tiny_preprocessing)
        expected = module(torch.from_numpy(pixels)).numpy()
    np.testing.assert_allclose(answers(tmp_path / "model.onnx"), expected, atol=1e-6)


def test_the_batch_norm_is_fused(tiny_graph: onnx.ModelProto) -> None:
    operators = [node.op_type for node in tiny_graph.graph.node]
    assert operators.count("Conv") == 1
    assert "BatchNormalization" not in operators


def test_the_graph_says_nothing_of_where_it_was_made(tiny_graph: onnx.ModelProto) -> None:
    assert not tiny_graph.doc_string
    assert not tiny_graph.metadata_props
    assert not any(notes(tiny_graph.graph))
    content = tiny_graph.SerializeToString()
    for trace in (
        str(PROJECT),
        "conftest",
        Path(__file__).name,
        "export.py",
        "Traceback",
        'File "',
    ):
        assert trace.encode() not in content


def test_the_same_network_gives_the_same_bytes(
    tiny_graph: onnx.ModelProto,
    tiny_network: nn.Module,
    tiny_preprocessing: Preprocessing,
    tmp_path: Path,
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    hashes = save(copy(tiny_graph), first)
    assert save(export(tiny_network, tiny_preprocessing, 18), second) == hashes
    assert (first / "model.onnx").read_bytes() == (second / "model.onnx").read_bytes()


def test_a_later_opset_is_honoured(
    tiny_network: nn.Module, tiny_preprocessing: Preprocessing, tmp_path: Path
) -> None:
    later = export(tiny_network, tiny_preprocessing, 20)
    assert [(each.domain, each.version) for each in later.opset_import] == [("", 20)]
    save(later, tmp_path)
    assert answers(tmp_path / "model.onnx").shape == (3, 3)


def test_an_opset_that_cannot_be_had_is_refused_quietly(
    tiny_network: nn.Module, tiny_preprocessing: Preprocessing, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ConversionError, match=r"^the exporter gave opset 18, not 99$"):
        export(tiny_network, tiny_preprocessing, 99)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


class Undecided(nn.Module):
    """Its way through depends on the pixels: no graph can be drawn."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.mean((2, 3)) if images.sum() > 0 else images.amax((2, 3))


def test_a_network_without_a_graph_is_refused_in_one_line(
    tiny_preprocessing: Preprocessing,
) -> None:
    with pytest.raises(
        ConversionError, match=r"^PyTorch cannot export this network: \w.*"
    ) as caught:
        export(Undecided().eval(), tiny_preprocessing, 18)
    assert "\n" not in str(caught.value)


def test_the_hash_is_of_the_file(tiny_graph: onnx.ModelProto, tmp_path: Path) -> None:
    files = save(copy(tiny_graph), tmp_path)
    content = (tmp_path / "model.onnx").read_bytes()
    assert files == {"model.onnx": hashlib.sha256(content).hexdigest()}
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]


def test_the_parameters_of_a_large_model_go_to_a_second_file(
    tiny_graph: onnx.ModelProto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    small.mkdir()
    large.mkdir()
    save(copy(tiny_graph), small)
    monkeypatch.setattr("conversion.graph.export._PROTOBUF_LIMIT_BYTES", 100)
    files = save(copy(tiny_graph), large)

    assert list(files) == ["model.onnx", "model.onnx.data"]
    assert files == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in large.iterdir()
    }
    # 16 filters of 3 × 3 × 3 float32.
    assert (large / "model.onnx.data").stat().st_size >= 16 * 27 * 4
    proto = onnx.load(large / "model.onnx", load_external_data=False)
    # The hash of model.onnx names the model: it has to stand for both files.
    assert [(note.key, note.value) for note in proto.metadata_props] == [
        ("model.onnx.data", files["model.onnx.data"])
    ]
    np.testing.assert_array_equal(answers(large / "model.onnx"), answers(small / "model.onnx"))


def test_what_belongs_to_a_model_beside_the_graph_changes_its_hash(
    tiny_graph: onnx.ModelProto, tmp_path: Path
) -> None:
    hashes = []
    for labels in ('["a"]', '["b"]', '["a"]'):
        save(copy(tiny_graph), tmp_path, {"labels": labels})
        hashes.append(sha256_of_file(tmp_path / ONNX_FILE))
    assert hashes[0] == hashes[2] != hashes[1]
