"""For end_to_end.sh: is an answer of the service one of the expected classes?

``curl … | python tests/support/check_answer.py FILE`` checks one answer of ``/classify``;
``python tests/support/check_answer.py --client URL`` asks for all images with BentoML's client.
"""

import json
import sys
from pathlib import Path
from typing import Any

import bentoml

TEST_IMAGES = Path(__file__).parents[2] / "test_images"
EXPECTED: dict[str, dict[str, Any]] = json.loads((TEST_IMAGES / "expected.json").read_text())


def check(name: str, answer: dict[str, Any]) -> None:
    """Exit with an error unless the answer is right."""
    found = f"{name}: {answer['label']} {answer['confidence']:.3f}"
    if answer["class_id"] not in EXPECTED[name]["class_ids"]:
        sys.exit(f"FAILED: {found}, expected {EXPECTED[name]['labels']}")
    print(found)


def check_with_client(url: str) -> None:
    """Classify every image one by one, then all in one batch."""
    paths = [TEST_IMAGES / name for name in EXPECTED]
    with bentoml.SyncHTTPClient(url) as client:
        for path in paths:
            check(path.name, client.classify(image=path, top_k=1))
        batch = client.classify_batch(images=paths)
        for path, answer in zip(paths, batch["results"], strict=True):
            check(path.name, answer)
        if client.health()["status"] != "healthy":
            sys.exit("FAILED: not healthy")


if __name__ == "__main__":
    if sys.argv[1] == "--client":
        check_with_client(sys.argv[2])
    else:
        check(Path(sys.argv[1]).name, json.load(sys.stdin))
