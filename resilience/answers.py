"""Images with known answers: the toy's, worked out by hand, and the test images."""

from harness.toys import LABELS, encoded
from load_generator.known_images import EXPECTED, TEST_IMAGES, Known
from resilience.routes import ROUTES

_COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (200, 100, 50), (30, 90, 210), (10, 140, 70))


def toy_images() -> list[Known]:
    """Images with the toy's answers."""
    return [_toy_image(colour) for colour in _COLOURS]


def photographs(url: str) -> list[Known]:
    """The test images with the server's first answers, which must be right."""
    images = [(TEST_IMAGES / name).read_bytes() for name in sorted(EXPECTED)]
    found = ROUTES["classify"].learned(url, images)
    for known, name in zip(found, sorted(EXPECTED), strict=True):
        labels = EXPECTED[name]["labels"]
        if known.label not in labels:
            raise SystemExit(
                f"{name} is {known.label}, expected {labels}; is it the default model?"
            )
    return found


def _toy_image(colour: tuple[int, int, int]) -> Known:
    most = max(colour)
    confidence = (most + 1) / (sum(colour) + len(colour))
    return Known(encoded(colour, (24, 24)), LABELS[colour.index(most)], confidence)
