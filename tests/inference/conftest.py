from pathlib import Path

import pytest

from inference import OnnxSession, open_session
from settings import Device


@pytest.fixture
def session(toy_folder: Path) -> OnnxSession:
    opened = open_session(toy_folder, Device.CPU, intra_op_threads=1)
    assert isinstance(opened, OnnxSession)
    return opened
