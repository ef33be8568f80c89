"""Images with the answer that each must get, and whether an answer is that one."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.toys import LABELS, encoded

_TOLERANCE = 2e-3
"""Of a confidence: batches of different sizes may differ in float32's last digits."""

_COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (200, 100, 50), (30, 90, 210), (10, 140, 70))

_PHOTOGRAPHS = Path(__file__).parents[2] / "test_images"


@dataclass(frozen=True)
class Known:
    """An image and the answer that it must get.

    Attributes:
        image: encoded.
        label: of the most probable class.
        confidence: in it.
    """

    image: bytes
    label: str
    confidence: float

    @property
    def base64(self) -> str:
        """The image as JSON carries it."""
        return base64.b64encode(self.image).decode()

    def is_right(self, answer: Any) -> bool:
        """Whether this is the image's answer."""
        return (
            isinstance(answer, dict)
            and answer.get("label") == self.label
            and abs(answer.get("confidence", -1.0) - self.confidence) < _TOLERANCE
        )


def toy_images() -> list[Known]:
    """Images whose answers by the toy are worked out by hand."""
    return [_toy_image(colour) for colour in _COLOURS]


def photographs(url: str) -> list[Known]:
    """The test images with the server's first answers, if these show what is to be seen."""
    expected = json.loads((_PHOTOGRAPHS / "expected.json").read_text())
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        return [_learned(client, name, expected[name]["labels"]) for name in sorted(expected)]


def _toy_image(colour: tuple[int, int, int]) -> Known:
    most = max(colour)
    confidence = (most + 1) / (sum(colour) + len(colour))
    return Known(encoded(colour, (24, 24)), LABELS[colour.index(most)], confidence)


def _learned(client: httpx.Client, name: str, labels: list[str]) -> Known:
    image = (_PHOTOGRAPHS / name).read_bytes()
    answer = client.post("/classify", content=image).raise_for_status().json()
    if answer["label"] not in labels:
        raise SystemExit(
            f"{name} is {answer['label']}, expected {labels}; is it the default model?"
        )
    return Known(image, answer["label"], answer["confidence"])
