"""The faults that need little waiting."""

import pytest

from resilience.faults.__main__ import run


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [
        "model.onnx deleted",
        "model.onnx corrupted",
        "a worker hangs while loading",
        "SIGTERM under load",
    ],
)
def test_a_fault_is_survived(fault: str) -> None:
    assert run(fault).verdict == "ok"
