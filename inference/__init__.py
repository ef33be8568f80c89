"""uint8 pixels → class probabilities: an ONNX session behind an adaptive batcher."""

from inference.runner import OnnxRunner, RunnerOptions
from inference.session import OnnxSession, check_device, open_session

__all__ = ["OnnxRunner", "OnnxSession", "RunnerOptions", "check_device", "open_session"]
