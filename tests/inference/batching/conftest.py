from functools import partial

import pytest

from inference import OnnxSession
from tests.inference.batching.runners import Start, running


@pytest.fixture(params=[0, 2])
def start(request: pytest.FixtureRequest, session: OnnxSession) -> Start:
    """Starts a runner that prepares images in the session's own thread, or ahead in two others."""
    return partial(running, session, decode_threads=request.param)
