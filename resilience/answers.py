"""Images whose answers are known: the toy's, worked out by hand, and the test images."""

from collections.abc import Iterable

import httpx

from load_generator.known_images import EXPECTED, TEST_IMAGES, Known
from tests.support.toys import LABELS, encoded

_COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (200, 100, 50), (30, 90, 210), (10, 140, 70))


def toy_images() -> list[Known]:
    return [_toy_image(colour) for colour in _COLOURS]


def photographs(url: str) -> list[Known]:
    """The test images with the server's first answers, if these are right."""
    found = learned(url, [(TEST_IMAGES / name).read_bytes() for name in sorted(EXPECTED)])
    for known, name in zip(found, sorted(EXPECTED), strict=True):
        if known.label not in EXPECTED[name]["labels"]:
            raise SystemExit(
                f"{name} is {known.label}, expected {EXPECTED[name]['labels']}; "
                "is it the default model?"
            )
    return found


def learned(url: str, images: Iterable[bytes]) -> list[Known]:
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        answers = [client.post("/classify", content=image).raise_for_status() for image in images]
        return [
            Known(each.request.content, each.json()["label"], each.json()["confidence"])
            for each in answers
        ]


def _toy_image(colour: tuple[int, int, int]) -> Known:
    most = max(colour)
    confidence = (most + 1) / (sum(colour) + len(colour))
    return Known(encoded(colour, (24, 24)), LABELS[colour.index(most)], confidence)
