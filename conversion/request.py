"""What a user wants converted, and a fingerprint of everything that decides the result."""

import hashlib
import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from conversion.errors import ConversionError
from conversion.outputs.labels import read_labels
from conversion.outputs.thresholds import read_facts
from conversion.photographs import PHOTOGRAPHS
from conversion.preprocessing.overrides import Given
from conversion.sources.lookup import DEFAULT, source_of
from conversion.sources.source import Description, Source
from conversion.weights.files import own_weights
from inference.hardware.processor import processor_name
from model_comparison import Shortcoming
from model_spec import COMPARED, Activation, Precision, Weights
from settings import load_settings

# The version that PyTorch's exporter writes; it converts the graph to later versions.
DEFAULT_OPSET = 18

_PROJECT = Path(__file__).parent.parent

# When these change, a model is converted again.
_SOURCES = ("conversion/**/*.py", "preprocessing/**/*.py", "model_*.py", "preprocessing_spec.py")

_FINGERPRINT_DIGITS = 32


@dataclass(frozen=True)
class Request:
    """What a user wants. Files are found and checked at the first use; torch is not imported.

    Properties raise ConversionError for what cannot be used.

    Attributes:
        architecture: by name, as :func:`conversion.sources.lookup.source_of` takes it.
        location: path or URL of the user's own weights; None for the published ones.
        entry: of the user's checkpoint, if it holds several that fit.
        seed: of random weights; None for real ones.
        labels_file: with the user's own class names; None for the published ones.
        given: fields of the preprocessing, in place of the source's.
        activation: that the network was trained with; None for its source's.
        threshold: a number, or a file with one per class, as :func:`read_thresholds` takes it.
        calibration: folder of photographs for bf16 and int8; None for the project's own.
        allowed: shortcomings with which a bf16 or int8 model is saved all the same.
    """

    architecture: str = DEFAULT
    location: str | None = None
    entry: str | None = None
    seed: int | None = None
    labels_file: Path | None = None
    precision: Precision = Precision.FP32
    opset: int = DEFAULT_OPSET
    given: Given | None = None
    activation: Activation | None = None
    threshold: str | None = None
    calibration: Path | None = None
    allowed: frozenset[Shortcoming] = frozenset()

    @property
    def published(self) -> bool:
        """Whether the weights are the architecture's published ones."""
        return self.seed is None and self.location is None

    @cached_property
    def source(self) -> Source:
        """Where the network comes from."""
        return source_of(self.architecture)

    @cached_property
    def description(self) -> Description:
        """What is known of the network, with the user's preprocessing in place of the source's."""
        found = self.source.description
        if self.given is None:
            if found.unknown:
                raise ConversionError(found.unknown)
            return found
        preprocessing = self.given.applied_to(found.preprocessing)
        return replace(found, preprocessing=preprocessing, assumed=False)

    @cached_property
    def labels(self) -> tuple[str, ...] | None:
        """The user's own class names; None for the published ones."""
        return read_labels(self.labels_file) if self.labels_file else None

    @cached_property
    def weights_file(self) -> tuple[Path | None, Weights]:
        """The path of the weights, downloaded and verified, and where they came from.

        The path is None for random weights.
        """
        if self.seed is not None:
            source = f"random, seed {self.seed}"
            return None, Weights(pretrained=False, source=source, sha256=None, licence=None)
        if self.location is not None:
            return own_weights(self.location)
        return self.source.published()

    @cached_property
    def fingerprint(self) -> str:
        """Equal for equal conversions."""
        # Before a download: the user's own files.
        labels, threshold = self.labels, read_facts(self.threshold)
        if self.calibration and not self.calibration.is_dir():
            raise ConversionError(f"--calibration takes a folder, and {self.calibration} is none")
        _, weights = self.weights_file
        facts = [
            self.architecture,
            weights.model_dump(),
            self.entry,
            labels,
            self.precision.value,
            self.activation,
            threshold,
            self.opset,
            self.source.facts(),
            self.given.overrides.model_dump(mode="json") if self.given else None,
            *self._comparison,
            _sources_digest(),
        ]
        digest = hashlib.sha256(json.dumps(facts).encode())
        return digest.hexdigest()[:_FINGERPRINT_DIGITS]

    @property
    def _comparison(self) -> list[object]:
        """What decides whether a bf16 or int8 model passes the gate."""
        if self.precision not in COMPARED:
            return []
        found = sorted(self.calibration.rglob("*")) if self.calibration else []
        files = [path for path in found if path.is_file()]  # a link may lead nowhere
        return [
            sorted(self.allowed),
            load_settings().device.value,
            processor_name(),
            [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files],
        ]


def _sources_digest() -> str:
    digest = hashlib.sha256()
    sources = [path for pattern in _SOURCES for path in sorted(_PROJECT.glob(pattern))]
    for path in (*sources, *PHOTOGRAPHS):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
