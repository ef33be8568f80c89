"""The arrays that go through a session, of one image or of a batch of N."""

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
"""``[H, W, C]`` or ``[N, H, W, C]``."""

Probabilities = npt.NDArray[np.float32]
"""``[classes]`` or ``[N, classes]``."""

Embeddings = npt.NDArray[np.floating]
"""``[size]`` or ``[N, size]``; float16 of a network in float16."""
