"""Save a model again with the temperature, the thresholds or the reference that were found."""

import contextlib
import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime

from conversion import store
from conversion.errors import ConversionError
from conversion.photographs import golden_probabilities, photograph_pixels
from inference.arrays import Pixels, Probabilities
from inference.sessions.providers import CPU_PROVIDER
from model_spec import ONNX_FILE, ModelSpec, Reference, sha256_of_file
from settings import Device


def tempered(probabilities: Probabilities, temperature: float) -> Probabilities:
    """Probabilities ``[N, classes]``, which sum to 1, after their logits are divided by T."""
    powers = probabilities.astype(float) ** (1 / temperature)
    found: Probabilities = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return found


def store_calibrated(tag: str, temperature: float, thresholds: tuple[float, ...]) -> str:
    """Save a model again, with a temperature in its graph and thresholds in its spec.

    Args:
        temperature: the logits are divided by, beside the one that the model has.
        thresholds: empty keeps those that the model has.

    Returns:
        The tag of the new model.

    Raises:
        ConversionError: nothing was saved: the new graph gives other answers, or the store cannot
            be written.
        StartupError: the model cannot be loaded.
    """
    with _copied(tag) as (new, spec):
        total = spec.temperature * temperature
        _set(new / ONNX_FILE, total)
        changed = spec.model_copy(
            update={
                "temperature": total,
                "thresholds": thresholds or spec.thresholds,
                # The reference has confidences without the temperature.
                "reference": None,
                "files": {**spec.files, ONNX_FILE: sha256_of_file(new / ONNX_FILE)},
            }
        )
        _check(store.folder_of(tag), new, changed, temperature)
        changed.save(new)
        golden = spec.golden.model_copy(update={"confidence": _golden_confidence(new, changed)})
        changed = changed.model_copy(update={"golden": golden})
        return store.save(new, changed, _fingerprint(tag, changed))


def store_reference(tag: str, reference: Reference) -> str:
    """Save a model again, with another reference; returns its new tag.

    Raises:
        ConversionError: there is no such model, or the store cannot be written.
        StartupError: the model is not intact.
    """
    with _copied(tag) as (new, spec):
        changed = spec.model_copy(update={"reference": reference})
        return store.save(new, changed, _fingerprint(tag, changed))


@contextlib.contextmanager
def _copied(tag: str) -> Iterator[tuple[Path, ModelSpec]]:
    """A copy of a model's files until the block ends, and its spec."""
    folder = store.folder_of(tag)
    spec = ModelSpec.load(folder)
    with tempfile.TemporaryDirectory() as name:
        for file in spec.files:
            shutil.copy(folder / file, name)
        yield Path(name), spec


def _set(path: Path, temperature: float) -> None:
    """Write a temperature into a graph; parameters in a second file stay as they are."""
    try:
        import onnx
    except ImportError as error:
        raise ConversionError("onnx is missing; install it with: pip install '.[convert]'") from (
            error
        )
    from conversion.outputs.temperature import set_temperature

    proto = onnx.load(str(path), load_external_data=False)
    set_temperature(proto, temperature)
    path.write_bytes(proto.SerializeToString(deterministic=True))


def _check(old: Path, new: Path, spec: ModelSpec, temperature: float) -> None:
    """Compare the new graph's probabilities with those that the temperature must give."""
    pixels = photograph_pixels(spec.preprocessing)
    expected = tempered(_run(old, spec, pixels), temperature)
    difference = float(np.abs(_run(new, spec, pixels) - expected).max())
    # Written so that a NaN fails.
    if not difference <= spec.verification.limit:
        raise ConversionError(
            f"not saved: with the temperature probabilities differ by {difference:.3g} from what "
            f"they must be, limit {spec.verification.limit:g}"
        )


def _run(folder: Path, spec: ModelSpec, pixels: Pixels) -> Probabilities:
    """On the CPU, which computes also the graph of a bf16 model, in float32."""
    session = onnxruntime.InferenceSession(str(folder / ONNX_FILE), providers=[CPU_PROVIDER])
    probabilities: Probabilities = session.run([spec.output_name], {spec.input_name: pixels})[0]
    return probabilities


def _golden_confidence(folder: Path, spec: ModelSpec) -> float:
    """On the device for which the model was made, if it was made for one."""
    device = Device(spec.comparison.device) if spec.comparison else Device.CPU
    return float(golden_probabilities(folder, device)[spec.golden.class_id])


def _fingerprint(tag: str, spec: ModelSpec) -> str:
    """Of the conversion and of what was added: another request than the one without."""
    facts = f"{store.fingerprint_of(tag)} {spec.temperature} {spec.thresholds} {spec.reference}"
    return hashlib.sha256(facts.encode()).hexdigest()[:32]
