"""The model's golden image: whether its answer is still right, and what an image like it costs."""

from functools import partial
from pathlib import Path

from errors import ModelUnavailable
from inference import Session
from inference.batching.batch_size import Sizes, clock_for, seconds_of, worthwhile_sizes
from model_spec import Golden, ModelSpec
from preprocessing import DecodeLimits, decode, transform
from preprocessing.pixels import Pixels
from settings import Device

# The file came with the model and has its hash: clients' limits are not meant for it.
_GOLDEN_LIMITS = DecodeLimits(max_pixels=100_000_000, max_aspect_ratio=100.0)


def golden_pixels(spec: ModelSpec, folder: Path) -> Pixels:
    """The pixels of a model's golden image."""
    image = decode((folder / spec.golden.file).read_bytes(), _GOLDEN_LIMITS)
    return transform(image, spec.preprocessing)


def check_golden(
    golden: Golden, confidence: float, closest: float, *, more_tolerance: float = 0.0
) -> None:
    """Compare the answer for the golden image with the one PyTorch gave at conversion.

    Args:
        confidence: of its class, now.
        closest: confidence of the most probable class, now.
        more_tolerance: added to the golden image's own.

    Raises:
        ModelUnavailable: the answers differ.
    """
    tolerance = golden.tolerance + more_tolerance
    if not (abs(confidence - golden.confidence) <= tolerance and closest - confidence <= tolerance):
        raise ModelUnavailable(
            f"the golden image's class {golden.class_id} got {confidence:.4f}, "
            f"PyTorch gave {golden.confidence:.4f} (tolerance {tolerance:g})"
        )


def check_session(session: Session, folder: Path) -> None:
    """Classify a model's golden image and compare the answer.

    Raises:
        ModelUnavailable: the answer is not the one PyTorch gave at conversion.
    """
    golden = session.spec.golden
    probabilities = session.run(golden_pixels(session.spec, folder)[None])[0]
    check_golden(golden, float(probabilities[golden.class_id]), float(probabilities.max()))


def cpu_sizes(session: Session, folder: Path, threads: int) -> Sizes:
    """How many images are worth taking together on the CPU, if they are like the golden one.

    Args:
        threads: of the session.
    """
    clock = clock_for(threads)
    prepare_seconds = seconds_of(partial(golden_pixels, session.spec, folder), clock)
    return worthwhile_sizes(
        session.run_and_forget,
        session.spec.pixels_shape,
        prepare_seconds,
        clock,
        first_is_dearer=session.device is Device.OPENVINO,
    )
