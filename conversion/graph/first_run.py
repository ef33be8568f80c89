"""Runs a network for the first time, and says in one line what goes wrong."""

import torch
from torch import nn

from conversion.errors import ConversionError, first_line
from conversion.graph.export import logits_of
from model_spec import Activation, Preprocessing

_SUM_TOLERANCE = 1e-5


def check_first_run(
    network: nn.Module, preprocessing: Preprocessing, activation: Activation
) -> None:
    """Run a network on two images of noise.

    Raises:
        ConversionError: it fails, gives no logits or NaN, or applies softmax itself.
    """
    height, width, channels = preprocessing.pixels_shape
    images = torch.rand(2, channels, height, width, generator=torch.Generator().manual_seed(0))
    try:
        with torch.inference_mode():
            output = network.eval()(images)
    except Exception as error:
        # Whatever the network's code raises.
        raise ConversionError(
            f"the network fails on float32 [N, {channels}, {height}, {width}] "
            f"({type(error).__name__}: {first_line(error)}); "
            "--resize and --crop give it another size, channels in --preprocessing another number"
        ) from error
    logits = logits_of(output)
    if logits.isnan().any():
        raise ConversionError("the network gives NaN for an image of noise: its weights are broken")
    if activation is Activation.SOFTMAX and _is_softmax(logits):
        raise ConversionError(
            "the network applies softmax itself: its outputs are probabilities, and softmax again "
            "would flatten them; let it give logits"
        )


def _is_softmax(outputs: torch.Tensor) -> bool:
    """Whether outputs ``[N, classes]`` are between 0 and 1 and sum to 1."""
    between = bool(((outputs > 0) & (outputs < 1)).all())
    return between and bool(((outputs.sum(dim=1) - 1).abs() < _SUM_TOLERANCE).all())
