"""What is to be converted, and a fingerprint of all that decides about the outcome."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from conversion.architectures import published_file
from conversion.errors import ConversionError
from conversion.photographs import PHOTOGRAPHS
from conversion.weights import own_weights, verified
from model_spec import Precision, Weights

_PROJECT = Path(__file__).parent.parent

# When these change, a model is converted again.
_SOURCES = ("conversion/*.py", "preprocessing/*.py", "model_spec.py")

_FINGERPRINT_DIGITS = 32


@dataclass(frozen=True)
class Wanted:
    """What a user asks for.

    Attributes:
        architecture: by name.
        location: path or URL of the user's own weights; None for the published ones.
        seed: of random weights; None for real ones.
        labels_file: with the user's own class names; None for the published ones.
        precision: of the exported network.
        opset: of the exported graph.
    """

    architecture: str
    location: str | None
    seed: int | None
    labels_file: Path | None
    precision: Precision
    opset: int


@dataclass(frozen=True)
class Request:
    """What is to be converted.

    Attributes:
        architecture: by name.
        path: of the weights file; None for random weights.
        weights: where they came from.
        published: whether they are the architecture's own published weights.
        labels: the user's own class names; None for the published ones.
        seed: of random weights; None for any others.
        precision: of the exported network.
        opset: of the exported graph.
    """

    architecture: str
    path: Path | None
    weights: Weights
    published: bool
    labels: tuple[str, ...] | None
    seed: int | None
    precision: Precision
    opset: int

    @property
    def fingerprint(self) -> str:
        """Equal for equal conversions."""
        facts = [
            self.architecture,
            self.weights.model_dump(),
            self.labels,
            self.precision.value,
            self.opset,
            _sources_digest(),
        ]
        digest = hashlib.sha256(json.dumps(facts).encode())
        return digest.hexdigest()[:_FINGERPRINT_DIGITS]


def make_request(wanted: Wanted) -> Request:
    """Find and verify the weights of what a user asks for; torch is not needed yet.

    Raises:
        ConversionError: weights or labels cannot be had, or are not what they should be.
    """
    path, weights = _find_weights(wanted)
    return Request(
        architecture=wanted.architecture,
        path=path,
        weights=weights,
        published=wanted.seed is None and wanted.location is None,
        labels=_read_labels(wanted.labels_file) if wanted.labels_file else None,
        seed=wanted.seed,
        precision=wanted.precision,
        opset=wanted.opset,
    )


def _find_weights(wanted: Wanted) -> tuple[Path | None, Weights]:
    if wanted.seed is not None:
        source = f"random, seed {wanted.seed}"
        return None, Weights(pretrained=False, source=source, sha256=None, licence=None)
    if wanted.location is not None:
        return own_weights(wanted.location)
    path, lock = published_file(wanted.architecture)
    sha256 = verified(path, lock)
    return path, Weights(pretrained=True, source=lock.source, sha256=sha256, licence=lock.licence)


def _read_labels(path: Path) -> tuple[str, ...]:
    """One label per line or, in a ``.json`` file, a list; in the order of the class ids."""
    try:
        # Some editors begin a file with a byte order mark.
        text = path.read_text(encoding="utf-8-sig").strip()
        labels = json.loads(text) if path.suffix == ".json" else text.splitlines()
    except (OSError, ValueError) as error:
        raise ConversionError(f"cannot read the labels: {error}") from error
    if not isinstance(labels, list) or not all(
        isinstance(label, str) and label.strip() for label in labels
    ):
        raise ConversionError(f"{path.name} must hold one label per line, none empty")
    if not labels:
        raise ConversionError(f"{path.name} holds no labels")
    return tuple(label.strip() for label in labels)


def _sources_digest() -> str:
    digest = hashlib.sha256()
    sources = [path for pattern in _SOURCES for path in sorted(_PROJECT.glob(pattern))]
    for path in (*sources, *PHOTOGRAPHS):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
