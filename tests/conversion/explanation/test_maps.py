from pathlib import Path

import numpy as np
import onnx
import pytest

from conversion.explanation.head import find_head
from conversion.explanation.maps import addition
from inference.explanation.activations import ActivationSession
from model_spec import EXPLANATION_FILE, ONNX_FILE
from tests.conversion.explanation.heads import CLASSES, CONSTANTS, HEADS, PIXELS, graph


def session(name: str, folder: Path) -> ActivationSession:
    proto = graph(*HEADS[name])
    onnx.save(proto, folder / ONNX_FILE)
    (folder / EXPLANATION_FILE).write_bytes(addition(find_head(proto.graph), CLASSES))
    return ActivationSession.open(folder, intra_op_threads=1)


@pytest.mark.parametrize("name", HEADS)
def test_the_mean_of_a_map_and_the_bias_are_the_logit(name: str, tmp_path: Path) -> None:
    opened = session(name, tmp_path)
    for pixels in PIXELS:
        found = opened.run(pixels)
        assert found.maps.shape == (CLASSES, 4, 4)
        np.testing.assert_allclose(found.sums, found.logits, atol=1e-5)


def test_a_map_is_the_linear_layer_at_every_place(tmp_path: Path) -> None:
    found = session("reduce mean, gemm", tmp_path).run(PIXELS[0])
    expected = np.einsum("kc,hwc->khw", CONSTANTS["weights"], PIXELS[0] / np.float32(64))
    np.testing.assert_allclose(found.maps, expected, atol=1e-5)
    np.testing.assert_array_equal(found.bias, CONSTANTS["bias"])


def test_what_is_added_holds_no_weights(tmp_path: Path) -> None:
    session("layer normalisation", tmp_path)
    assert (tmp_path / EXPLANATION_FILE).stat().st_size < 2000


def test_the_added_bytes_are_the_same_each_time() -> None:
    head = find_head(graph(*HEADS["layer normalisation"]).graph)
    assert addition(head, CLASSES) == addition(head, CLASSES)
