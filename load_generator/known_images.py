"""Images with known answers, and the outcome of a request with one."""

import base64
import json
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

TEST_IMAGES = Path(__file__).parent.parent / "test_images"

EXPECTED: dict[str, dict[str, Any]] = json.loads((TEST_IMAGES / "expected.json").read_text())
"""For each test image the classes that it may get: ``class_ids`` and ``labels``."""

TOLERANCE = 0.01
"""Of a confidence, on any device: GPUs compute with fewer digits, in varying order."""

_TOLERANCE = 2e-3  # of a confidence, on a CPU: batch sizes change the last digits of float32
_OK, _REFUSALS = 200, (503, 504)


@dataclass(frozen=True)
class Known:
    """An image and the answer that it must get."""

    image: bytes  # encoded
    label: str  # of the most probable class
    confidence: float
    tolerance: float = _TOLERANCE

    @property
    def base64(self) -> str:
        """The image as JSON carries it."""
        return base64.b64encode(self.image).decode()

    def is_right(self, answer: Any) -> bool:
        """Whether this is the image's answer."""
        if not isinstance(answer, dict) or answer.get("label") != self.label:
            return False
        confidence = answer.get("confidence")
        return isinstance(confidence, float) and abs(confidence - self.confidence) < self.tolerance


class Outcome(Enum):
    """The outcome of a request."""

    RIGHT = "answered right"
    REFUSED = "refused 503/504"
    LOST = "connection lost"
    WRONG = "wrong"


def judged(status: int, body: bytes, known: Known) -> tuple[Outcome, str]:
    """The outcome of a request with an image, and its details if the answer is not right."""
    if status == _OK and known.is_right(parsed(body)):
        return Outcome.RIGHT, ""
    text = f"{status} {body[:200].decode(errors='replace')}"
    if status in _REFUSALS:
        return Outcome.REFUSED, text
    return Outcome.WRONG, f"{text}, not {known.label}"


def parsed(body: bytes) -> Any:
    """The content of JSON; None if it is not JSON."""
    try:
        return json.loads(body)
    except ValueError:
        return None
