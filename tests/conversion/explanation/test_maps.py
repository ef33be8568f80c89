from pathlib import Path

import numpy as np
import onnx

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
