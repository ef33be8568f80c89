from pathlib import Path

import numpy as np
import pytest

from errors import StartupError
from harness.toys import GREEN, MAPPED_HIGH, RED, pixels
from inference.explanation.activations import ActivationSession
from model_spec import EXPLANATION_FILE


def test_one_run_gives_probabilities_logits_and_maps(mapped_folder: Path) -> None:
    found = ActivationSession.open(mapped_folder, intra_op_threads=1).run(pixels(RED))
    np.testing.assert_allclose(found.logits, [255 / 64, -1, 0])
    np.testing.assert_allclose(found.maps[0], np.full((4, 4), 255 / 64))
    np.testing.assert_allclose(found.maps[1:], np.zeros((2, 4, 4)))
    np.testing.assert_allclose(found.bias, [0, -1, 0])
    np.testing.assert_allclose(found.sums, found.logits)
    assert found.probabilities[0] == pytest.approx(MAPPED_HIGH)


def test_the_map_shows_where_a_class_is(mapped_folder: Path) -> None:
    image = pixels(RED)
    image[1, 2] = GREEN
    found = ActivationSession.open(mapped_folder, intra_op_threads=1).run(image)
    assert np.unravel_index(found.maps[1].argmax(), (4, 4)) == (1, 2)


def test_a_damaged_file_is_a_startup_error(mapped_folder: Path) -> None:
    (mapped_folder / EXPLANATION_FILE).write_bytes(b"no protocol buffer")
    with pytest.raises(StartupError, match=r"^ONNX Runtime cannot load the maps: "):
        ActivationSession.open(mapped_folder, intra_op_threads=1)
