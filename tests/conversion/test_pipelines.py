"""Models of every library, converted: answers are those of the library's own pipeline."""

from pathlib import Path

import numpy as np
import pytest

from conversion import store
from conversion.convert_to_onnx import main
from conversion.photographs import PHOTOGRAPHS, photograph
from inference import open_session
from preprocessing import transform
from settings import Device
from tests.support.pipelines import CASES

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("model_store")]

# Of a probability. Pixels differ from the libraries' own by 1 of 255 here and there.
LIMIT = 1e-3


@pytest.mark.parametrize("name", CASES)
def test_answers_are_those_of_the_librarys_own_pipeline(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photographs = [photograph(path) for path in PHOTOGRAPHS]
    arguments, answer = CASES[name](tmp_path, photographs)
    expected = np.stack([answer(each) for each in photographs])
    assert len(set(expected.argmax(axis=1))) > 1

    capsys.readouterr()
    assert main(arguments) == 0
    tag = capsys.readouterr().out.strip()
    session = open_session(store.folder_of(tag), Device.CPU, intra_op_threads=1)
    pixels = np.stack([transform(each, session.spec.preprocessing) for each in photographs])
    np.testing.assert_allclose(session.run(pixels), expected, atol=LIMIT)
