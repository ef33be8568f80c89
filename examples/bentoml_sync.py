"""Classify images with BentoML's client: python examples/bentoml_sync.py URL IMAGE…

``CLASSIFIER_API_KEY=…`` in the environment where the service wants a key.
"""

import os
import sys
from pathlib import Path

import bentoml
from bentoml.exceptions import BentoMLException


def main(url: str, images: list[str]) -> None:
    """Print the best label of each image."""
    with bentoml.SyncHTTPClient(url, token=os.environ.get("CLASSIFIER_API_KEY")) as client:
        for image in images:
            try:
                answer = client.classify(image=Path(image), top_k=3)
            except BentoMLException as error:
                # Its text is the service's JSON: {"error": {"code": …, "message": …}}.
                sys.exit(f"{image}: {error}".strip())
            print(f"{image}: {answer['label']} {answer['confidence']:.3f}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
