"""Several images in one request."""

import base64
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from deployment_check.checks import Check, Failed
from deployment_check.deployment import Deployment
from deployment_check.questions.images import photograph
from deployment_check.questions.predictions import agreement
from load_generator.known_images import TEST_IMAGES


@cache
def _images() -> list[bytes]:
    """Three images that every model tells apart."""
    names = ("coffee.jpg", "camera.png", "rocket.webp")
    return [(TEST_IMAGES / name).read_bytes() for name in names]


def is_in_order(deployment: Deployment) -> str:
    """Each image of a form gets the answer that it gets alone, in the order of the request."""
    return _as_alone(deployment, _answer(deployment, _images()))


def is_in_order_as_json(deployment: Deployment) -> str:
    """The same with JSON."""
    texts = [base64.b64encode(image).decode() for image in _images()]
    answer = deployment.ask("POST", "/classify_batch", json={"images": texts}).json()
    return _as_alone(deployment, answer)


def keeps_errors_apart(deployment: Deployment) -> str:
    """A bad image is an error in its place, and its neighbours get their answers."""
    results = _answer(deployment, [photograph(), b"this is no image", photograph()])["results"]
    if len(results) != 3 or "error" not in results[1]:
        raise Failed(f"the results are {results}")
    alone = deployment.classify(photograph())
    agreement(results[0], alone)
    agreement(results[2], alone)
    return f"{results[1]['error']['code']} in its place"


def _answer(deployment: Deployment, images: Sequence[bytes]) -> Mapping[str, Any]:
    """The answer to a form of images."""
    parts = [("images", (f"{i}", image)) for i, image in enumerate(images)]
    answer: Mapping[str, Any] = deployment.ask("POST", "/classify_batch", files=parts).json()
    return answer


def _as_alone(deployment: Deployment, answer: Mapping[str, Any]) -> str:
    results = answer["results"]
    if len(results) != len(_images()):
        raise Failed(f"{len(results)} results, not {len(_images())}")
    said = [
        agreement(result, deployment.classify(image))
        for result, image in zip(results, _images(), strict=True)
    ]
    return ", ".join(said)


CHECKS: Mapping[str, Check] = {
    "form, in order": is_in_order,
    "JSON, in order": is_in_order_as_json,
    "bad image among good ones": keeps_errors_apart,
}
