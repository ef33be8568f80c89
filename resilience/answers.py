"""Images whose answers are known: the toy's, worked out by hand, and the test images."""

import httpx

from deployment_check.known_images import EXPECTED, TEST_IMAGES, Known
from tests.support.toys import LABELS, encoded

_COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (200, 100, 50), (30, 90, 210), (10, 140, 70))


def toy_images() -> list[Known]:
    """Images whose answers by the toy are worked out by hand."""
    return [_toy_image(colour) for colour in _COLOURS]


def photographs(url: str) -> list[Known]:
    """The test images with the server's first answers, if these show what is to be seen."""
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        return [_learned(client, name, EXPECTED[name]["labels"]) for name in sorted(EXPECTED)]


def _toy_image(colour: tuple[int, int, int]) -> Known:
    most = max(colour)
    confidence = (most + 1) / (sum(colour) + len(colour))
    return Known(encoded(colour, (24, 24)), LABELS[colour.index(most)], confidence)


def _learned(client: httpx.Client, name: str, labels: list[str]) -> Known:
    image = (TEST_IMAGES / name).read_bytes()
    answer = client.post("/classify", content=image).raise_for_status().json()
    if answer["label"] not in labels:
        raise SystemExit(
            f"{name} is {answer['label']}, expected {labels}; is it the default model?"
        )
    return Known(image, answer["label"], answer["confidence"])
