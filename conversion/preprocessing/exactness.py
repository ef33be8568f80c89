"""Chooses the resizer: Pillow, which gives the pixels of training, or the faster one."""

import logging
from dataclasses import replace

import numpy as np

from conversion.graph.verify import PyTorchModel
from conversion.original import Original
from conversion.photographs import PHOTOGRAPHS, photograph
from conversion.preprocessing.overrides import Given
from model_spec import Precision, Preprocessing
from preprocessing import transform
from preprocessing.pixels import Pixels

logger = logging.getLogger("image_classifier.conversion")

LIMIT = 2.5e-4
"""Largest change of a probability that the faster resizer may cause: a quarter of 0.001, since only
a few photographs are tried."""

_CUTS = (1, 7)
"""Pixels cut off the left of each photograph; twice as many are cut off its top. At the round sizes
of the files, both resizers often agree."""


def with_pixels_it_needs(original: Original, given: Given | None, precision: Precision) -> Original:
    """Have Pillow resize if the faster resizer would change an answer.

    Args:
        original: with the preprocessing of its source.
        given: the user's preprocessing; if it names ``exact_pixels``, that decides.
        precision: of the conversion. Every other one than fp32 changes answers more than a resizer
            does, and keeps the faster one.
    """
    is_said = given is not None and given.overrides.exact_pixels is not None
    if is_said or precision is not Precision.FP32:
        return original
    exact = original.preprocessing.model_copy(update={"exact_pixels": True})
    change = _largest_change(original, exact)
    needed = change > LIMIT
    logger.info(
        "resized by %s: the faster resizer changes a probability by up to %.2g (limit %g)",
        "Pillow" if needed else "the faster resizer where that can",
        change,
        LIMIT,
    )
    return replace(original, preprocessing=exact) if needed else original


def _largest_change(original: Original, exact: Preprocessing) -> float:
    """Largest change of a probability on the project's own photographs."""
    model = PyTorchModel(original.network, exact, len(original.labels), original.activation)
    fast, slow = (_pixels(each) for each in (original.preprocessing, exact))
    if (fast == slow).all():
        return 0.0
    return float(np.abs(model.probabilities(fast) - model.probabilities(slow)).max())


def _pixels(preprocessing: Preprocessing) -> Pixels:
    """Of each photograph with each cut: uint8 ``[N, height, width, channels]``."""
    images = [photograph(path) for path in PHOTOGRAPHS]
    cut = [image.crop((edge, 2 * edge, *image.size)) for image in images for edge in _CUTS]
    return np.stack([transform(image, preprocessing) for image in cut])
