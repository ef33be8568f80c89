"""Classify images concurrently: python examples/bentoml_async.py URL IMAGE…

``CLASSIFIER_API_KEY=…`` in the environment where the service wants a key.
"""

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import bentoml
from bentoml.exceptions import BentoMLException

CONCURRENCY = 8


async def main(url: str, images: list[str]) -> None:
    """Print the best label of each image as the answers come."""
    waiting = iter(images)
    await asyncio.gather(*(classify_some(url, waiting) for _ in images[:CONCURRENCY]))


async def classify_some(url: str, waiting: Iterator[str]) -> None:
    """Take images, one after the other, until none is left."""
    # One client for each task: when a call of BentoML's client ends, it closes the files of all
    # its calls, so that others that are still being sent fail.
    async with bentoml.AsyncHTTPClient(url, token=os.environ.get("CLASSIFIER_API_KEY")) as client:
        for image in waiting:
            try:
                answer = await client.classify(image=Path(image), top_k=3)
            except BentoMLException as error:
                print(f"{image}: {error}".strip())
            else:
                print(f"{image}: {answer['label']} {answer['confidence']:.3f}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2:]))
