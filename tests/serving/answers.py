"""What the toy model answers over HTTP."""

import base64
from typing import Any

from harness.toys import HIGH, LABELS, LOW

MODEL = "image_classifier:toy"


def assert_red(answer: dict[str, Any], top_k: int = 3) -> None:
    assert answer["processing_time"] > 0
    assert answer | {"processing_time": 0} == {
        "class_id": 0,
        "label": "red",
        "confidence": round(HIGH, 6),
        "predictions": [
            {"class_id": i, "label": LABELS[i], "confidence": round((HIGH, LOW, LOW)[i], 6)}
            for i in range(top_k)
        ],
        "processing_time": 0,
        "gpu_utilization": None,
        "model": MODEL,
        "activation": "softmax",
    }


def as_base64(image: bytes) -> str:
    return base64.b64encode(image).decode()
