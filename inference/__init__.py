# ruff: noqa: E402 - what comes before the imports is for them.
"""uint8 pixels → class probabilities: a session behind an adaptive batcher."""

import os

from interrupts import end_in_one_line_after_ctrl_c

end_in_one_line_after_ctrl_c()

# From 1.29 on ONNX Runtime reports models and their use to its makers; asked at its import.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

from inference.batching.pipeline import Run, RunnerOptions
from inference.batching.runner import OnnxRunner
from inference.sessions.session import OnnxSession, Session, check_device, open_session

__all__ = [
    "OnnxRunner",
    "OnnxSession",
    "Run",
    "RunnerOptions",
    "Session",
    "check_device",
    "open_session",
]
