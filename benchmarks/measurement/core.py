"""Decode → transform → ``session.run`` → answer, without any server around it.

What the bare limit loops over and what every peer calls, so that only the serving differs.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.answers.top_k import prediction
from inference.sessions.session import open_session
from preprocessing import decode_trusted, transform
from preprocessing.isolated.messages import Setup
from settings import Device, Settings

TOP_K = 5


class Core:
    """A model on one CPU thread, run by the engine of a device."""

    def __init__(self, folder: Path, device: Device = Device.CPU) -> None:
        self._session = open_session(folder, device, intra_op_threads=1)
        self.spec = self._session.spec
        self._setup = Setup.from_settings(self.spec.preprocessing, Settings())

    def pixels(self, encoded: bytes) -> npt.NDArray[np.uint8]:
        """An encoded image → uint8 ``[H, W, 3]``."""
        decoded = decode_trusted(encoded, self._setup.limits, self._setup.least_side)
        return transform(decoded.image, self.spec.preprocessing, decoded.box)

    def probabilities(self, pixels: Sequence[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float32]:
        """Pixels of N images → float32 ``[N, classes]``."""
        return self._session.run(np.stack(pixels))

    def answer(self, probabilities: npt.NDArray[np.float32]) -> dict[str, Any]:
        """float32 ``[classes]`` → what our service answers, but for its time and device."""
        return prediction(probabilities, self.spec.labels, TOP_K)

    def classify(self, encoded: Sequence[bytes]) -> list[dict[str, Any]]:
        """Answers for N encoded images in one batch."""
        probabilities = self.probabilities([self.pixels(each) for each in encoded])
        return [self.answer(row) for row in probabilities]
