import hashlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from conversion.errors import ConversionError
from conversion.graph.export import export, logits_of, save
from conversion.graph.half import halved
from conversion.graph.verify import PyTorchModel
from conversion.request import DEFAULT_OPSET
from harness.servers import PROJECT
from model_spec import ONNX_FILE, Preprocessing
from tests.support.graphs import answers
from tests.support.refusals import refusal

pytestmark = pytest.mark.slow

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)


def notes(graph: onnx.GraphProto) -> Iterator[str]:
    """Whatever the exporter noted for human readers."""
    described = (graph, *graph.node, *graph.input, *graph.output, *graph.value_info)
    for each in (*described, *graph.initializer):
        yield each.doc_string
        yield from (note.value for note in each.metadata_props)


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
    assert refusal(logits_of, output) == (
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
    found = answers(tmp_path / ONNX_FILE, pixels)

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
    hashes = save(tiny_graph, tmp_path)
    assert save(export(tiny_network, tiny_preprocessing, 18), tmp_path) == hashes


def test_a_later_opset_is_honoured(
    tiny_network: nn.Module, tiny_preprocessing: Preprocessing, tmp_path: Path
) -> None:
    later = export(tiny_network, tiny_preprocessing, 20)
    assert [(each.domain, each.version) for each in later.opset_import] == [("", 20)]
    save(later, tmp_path)
    assert answers(tmp_path / ONNX_FILE, PIXELS).shape == (3, 3)


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


def test_the_parameters_of_a_large_model_go_to_a_second_file(
    tiny_graph: onnx.ModelProto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = answers(tiny_graph, PIXELS)
    monkeypatch.setattr("conversion.graph.export._PROTOBUF_LIMIT_BYTES", 100)
    files = save(tiny_graph, tmp_path)

    assert list(files) == ["model.onnx", "model.onnx.data"]
    assert files == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in tmp_path.iterdir()
    }
    # 16 filters of 3 × 3 × 3 float32.
    assert (tmp_path / "model.onnx.data").stat().st_size >= 16 * 27 * 4
    proto = onnx.load(tmp_path / "model.onnx", load_external_data=False)
    # The hash of model.onnx names the model: it has to stand for both files.
    assert [(note.key, note.value) for note in proto.metadata_props] == [
        ("model.onnx.data", files["model.onnx.data"])
    ]
    np.testing.assert_array_equal(answers(tmp_path / "model.onnx", PIXELS), expected)


def test_what_belongs_to_a_model_beside_the_graph_changes_its_hash(
    tiny_graph: onnx.ModelProto, tmp_path: Path
) -> None:
    first, other, again = (
        save(tiny_graph, tmp_path, {"labels": labels})[ONNX_FILE] for labels in ("a", "b", "a")
    )
    assert first == again != other
