"""A session that gives class activation maps beside the probabilities.

The session that classifies does not have these outputs: ONNX Runtime computes all outputs of a
graph, also those that are not wanted, which took 7 % more processor time (EfficientNet-Lite0).
"""

import ctypes
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
import onnxruntime

from errors import StartupError
from inference.arrays import Pixels, Probabilities
from inference.sessions.providers import CPU_PROVIDER
from model_spec import BIAS, EXPLANATION_FILE, LOGITS, MAPS, ONNX_FILE

_EXTERNAL_DATA_FOLDER = "session.model_external_initializers_file_folder_path"

Numbers = npt.NDArray[np.float32]


class Activations(NamedTuple):
    """What the network computes for one image.

    Attributes:
        logits: float32 ``[classes]``.
        maps: float32 ``[classes, h, w]``.
        bias: float32 ``[classes]``.
    """

    probabilities: Probabilities
    logits: Numbers
    maps: Numbers
    bias: Numbers

    @property
    def sums(self) -> Numbers:
        """float32 ``[classes]``: the mean of each map, plus the bias. Equals the logits."""
        sums: Numbers = self.maps.mean(axis=(1, 2)) + self.bias
        return sums


class ActivationSession:
    """``model.onnx`` with three more outputs, on the CPU, on which the answers were checked."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self._input = session.get_inputs()[0].name
        self._outputs = [session.get_outputs()[0].name, LOGITS, MAPS, BIAS]

    @classmethod
    def open(cls, folder: Path, *, intra_op_threads: int) -> Self:
        """Load the model in a folder of the model store.

        Raises:
            StartupError: ONNX Runtime cannot load it.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = intra_op_threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry(_EXTERNAL_DATA_FOLDER, str(folder))
        files = folder / ONNX_FILE, folder / EXPLANATION_FILE
        try:
            # The second file has the bytes that follow those of the first.
            content = b"".join(file.read_bytes() for file in files)
            session = onnxruntime.InferenceSession(content, options, providers=[CPU_PROVIDER])
        except Exception as error:
            # ONNX Runtime's exceptions share no base class of their own.
            raise StartupError(f"ONNX Runtime cannot load the maps: {error}") from error
        del content
        give_memory_back()
        return cls(session)

    def run(self, pixels: Pixels) -> Activations:
        """What the network computes for one image; from one thread at a time."""
        options = onnxruntime.RunOptions()
        # Explanations are few: keep no memory for the next one.
        options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        probabilities, logits, maps, bias = self._session.run(
            self._outputs, {self._input: pixels[None]}, options
        )
        return Activations(probabilities[0], logits[0], maps[0], bias)


def give_memory_back() -> None:
    """Return freed memory to the system: glibc keeps most of what loading took (malloc_trim(3)).

    Measured with EfficientNet-Lite0: an open session takes 37 MB instead of 78, and a closed one
    leaves nothing instead of 70.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
