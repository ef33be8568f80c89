"""Classify an image with httpx alone: python examples/plain_httpx.py URL IMAGE

With a deadline, a request id to find in the service's log, another attempt when the service
is overloaded, and its errors as exceptions. ``CLASSIFIER_API_KEY=…`` in the environment where the
service wants a key.
"""

import os
import sys
import time
import uuid
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx


class ClassifierError(Exception):
    """The service refused; ``code`` is from its table of errors."""

    def __init__(self, response: httpx.Response) -> None:
        try:
            error = response.json()["error"]
        except (ValueError, KeyError):  # from a proxy, not from the service
            error = {"code": "", "message": response.text}
        self.code: str = error["code"]
        self.request_id = response.headers.get("x-request-id")
        status = response.status_code
        super().__init__(f"{status} {self.code}: {error['message']} ({self.request_id})")


def classify(
    client: httpx.Client, image: bytes, *, top_k: int, seconds: float = 5, attempts: int = 5
) -> dict[str, Any]:
    """The service's answer; a ClassifierError if it refuses, an httpx.TransportError if none."""
    headers = {"x-request-id": uuid.uuid4().hex, "x-deadline-ms": f"{seconds * 1000:.0f}"}
    for remaining in reversed(range(attempts)):
        response = client.post("/classify", content=image, params={"top_k": top_k}, headers=headers)
        if response.status_code != HTTPStatus.SERVICE_UNAVAILABLE or not remaining:
            break
        time.sleep(float(response.headers.get("retry-after", 1)))
    if response.is_error:
        raise ClassifierError(response)
    answer: dict[str, Any] = response.json()
    return answer


def main(url: str, image: str) -> None:
    """Print the best labels of an image."""
    key = os.environ.get("CLASSIFIER_API_KEY")
    headers = {"authorization": f"Bearer {key}"} if key else {}
    # Longer than the deadline: the service says 504 before the client gives up.
    with httpx.Client(base_url=url, headers=headers, timeout=10) as client:
        try:
            answer = classify(client, Path(image).read_bytes(), top_k=3)
        except ClassifierError as error:
            sys.exit(f"{image}: {error}")
    for prediction in answer["predictions"]:
        print(f"{image}: {prediction['label']} {prediction['confidence']:.3f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
