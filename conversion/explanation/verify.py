"""Adds class activation maps to a converted model, if it has such a head and they add up."""

import logging
from pathlib import Path

import numpy as np
import onnx

from conversion.explanation.head import OtherHead, find_head
from conversion.explanation.maps import addition
from errors import StartupError
from inference.arrays import Pixels
from inference.explanation.activations import ActivationSession
from model_spec import EXPLANATION_FILE, ONNX_FILE, ClassActivation, Explanation, Precision

logger = logging.getLogger("image_classifier.conversion")

LIMITS = {Precision.FP32: 1e-4, Precision.BF16: 1e-4}
"""Largest accepted difference of a logit, as a share of the largest logit. The graph of a bf16
model is float32, and ONNX Runtime computes its maps in float32."""

_ROUNDED_LIMIT = 0.05
"""The same for precisions that round between the feature map and the logits."""


def explanation_of(folder: Path, pixels: Pixels, precision: Precision, classes: int) -> Explanation:
    """Find the class activation maps of a converted model, and check them with pixels.

    Writes ``EXPLANATION_FILE`` if they add up to the logits, within the limit of the precision.
    The pixels are uint8 ``[N, H, W, C]``.
    """
    path = folder / EXPLANATION_FILE
    try:
        graph = onnx.load(str(folder / ONNX_FILE), load_external_data=False).graph
        path.write_bytes(addition(find_head(graph), classes))
        found = Explanation(class_activation=_checked(folder, pixels, precision, classes))
    except (OtherHead, StartupError) as error:
        path.unlink(missing_ok=True)
        logger.info("explanations: by occlusion, since %s", error)
        return Explanation(reason=str(error))
    logger.info("explanations: class activation maps, which add up to the logits")
    return found


def _checked(folder: Path, pixels: Pixels, precision: Precision, classes: int) -> ClassActivation:
    """Compare the mean of every map, plus the bias, with the logit; raises OtherHead."""
    session = ActivationSession.open(folder, intra_op_threads=0)
    found = [session.run(each) for each in pixels]
    if found[0].maps.shape[0] != classes or found[0].logits.shape != (classes,):
        raise OtherHead(f"the network has {len(found[0].maps)} outputs for {classes} classes")
    largest = max(1.0, *(float(np.abs(each.logits).max()) for each in found))
    # Written so that a NaN fails.
    difference = float(np.max([np.abs(each.sums - each.logits).max() for each in found])) / largest
    limit = LIMITS.get(precision, _ROUNDED_LIMIT)
    if not difference <= limit:
        raise OtherHead(
            f"the maps do not add up to the logits: difference {difference:.3g}, limit {limit:g}"
        )
    return ClassActivation(max_difference=difference, limit=limit, size=found[0].maps.shape[1:])
