"""A temperature, thresholds or a reference that were found become a new model in the store."""

import contextlib
import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from conversion import store
from conversion.errors import ConversionError
from conversion.photographs import GOLDEN, PHOTOGRAPHS, photograph_pixels
from inference.sessions.session import open_session
from model_spec import ONNX_FILE, ModelSpec, Reference, sha256_of_file
from settings import Device

Probabilities = npt.NDArray[np.float32]


def tempered(probabilities: Probabilities, temperature: float) -> Probabilities:
    """What probabilities ``[N, classes]`` that sum to 1 become if logits are divided by a
    temperature.
    """
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
                # Other confidences are no drift.
                "reference": None,
                "files": {**spec.files, ONNX_FILE: sha256_of_file(new / ONNX_FILE)},
            }
        )
        changed.save(new)
        answer = _checked(store.folder_of(tag), new, temperature)[spec.golden.class_id]
        golden = spec.golden.model_copy(update={"confidence": float(answer)})
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


def _checked(old: Path, new: Path, temperature: float) -> Probabilities:
    """The golden image's probabilities by the new graph's reckoning, which is compared."""
    sessions = [open_session(folder, Device.CPU, intra_op_threads=1) for folder in (old, new)]
    spec = sessions[0].spec
    pixels = photograph_pixels(spec.preprocessing)
    before, after = (session.run(pixels) for session in sessions)
    expected = tempered(before, temperature)
    difference, limit = float(np.abs(after - expected).max()), spec.verification.limit
    # Written so that a NaN fails.
    if not difference <= limit:
        raise ConversionError(
            f"not saved: with the temperature probabilities differ by {difference:.3g} from what "
            f"they must be, limit {limit:g}"
        )
    golden: Probabilities = expected[PHOTOGRAPHS.index(GOLDEN)]
    return golden


def _fingerprint(tag: str, spec: ModelSpec) -> str:
    """Of the conversion and of what was added: another request than the one without."""
    facts = f"{store.fingerprint_of(tag)} {spec.temperature} {spec.thresholds} {spec.reference}"
    return hashlib.sha256(facts.encode()).hexdigest()[:32]
