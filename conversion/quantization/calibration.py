"""The range of values of each tensor of a graph, measured on photographs."""

import io
from contextlib import redirect_stdout
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, create_calibrator

from conversion.graph.export import INPUT_NAME
from conversion.progress import Advance
from preprocessing.pixels import Pixels


class Method(StrEnum):
    """How a tensor's range follows from the values that were seen."""

    MINMAX = "min-max"
    PERCENTILE = "percentile"
    ENTROPY = "entropy"


_METHODS: dict[Method, tuple[CalibrationMethod, dict[str, Any]]] = {
    Method.MINMAX: (CalibrationMethod.MinMax, {}),
    # One value in 10,000 on each side is an outlier.
    Method.PERCENTILE: (CalibrationMethod.Percentile, {"percentile": 99.99, "symmetric": False}),
    Method.ENTROPY: (CalibrationMethod.Entropy, {}),
}

PHOTOGRAPHS = {Method.MINMAX: 64, Method.PERCENTILE: 32, Method.ENTROPY: 32}
"""How many calibrate: histograms take several times as long."""


def ranges(path: Path, method: Method, pixels: Pixels, workspace: Path, advance: Advance) -> Any:
    """Measure the ranges, one photograph at a time: all activations are held in memory.

    The pixels are uint8 ``[N, H, W, channels]``; the workspace is a folder for a copy of the graph.

    Returns:
        ``onnxruntime.quantization.TensorsData``.
    """
    measured, options = _METHODS[method]
    # It prints what it does.
    with redirect_stdout(io.StringIO()):
        calibrator = create_calibrator(
            path,
            augmented_model_path=str(workspace / "augmented.onnx"),
            calibrate_method=measured,
            extra_options=options,
        )
        # The first image sets the width of a histogram's bins, so take the one with most contrast.
        for image in pixels[np.argsort(-pixels.std(axis=(1, 2, 3)), kind="stable")]:
            calibrator.collect_data(Reader(image[np.newaxis]))
            advance(1)
        return calibrator.compute_data()


class Reader(CalibrationDataReader):  # type: ignore[misc]  # published without types
    """Hands a graph one image after another."""

    def __init__(self, pixels: Pixels) -> None:
        self._images = iter(pixels)

    def get_next(self) -> dict[str, Pixels] | None:
        """The inputs of the next run; None at the end."""
        image = next(self._images, None)
        return None if image is None else {INPUT_NAME: image[np.newaxis]}
