"""ONNX graphs, run as they are."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime


def answers(graph: Path | onnx.ModelProto, images: np.ndarray, output: str = "") -> np.ndarray:
    """What a graph gives on the CPU: its first output, or the one that is named."""
    content = str(graph) if isinstance(graph, Path) else graph.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    inputs = {session.get_inputs()[0].name: images}
    found: np.ndarray = session.run([output or session.get_outputs()[0].name], inputs)[0]
    return found
