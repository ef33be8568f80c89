"""The forms in which stacks take an image, and where their answer says the class."""

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_BOUNDARY = "----benchmark"
_TRITON_HEADER_BYTES = 160


@dataclass(frozen=True)
class Form:
    """A kind of request."""

    path: str  # that it is POSTed to
    headers: dict[str, str]
    body: Callable[[bytes], bytes]
    class_id: Callable[[bytes], int]  # that a response body names as the best


def _multipart(encoded: bytes) -> bytes:
    head = (
        f'--{_BOUNDARY}\r\ncontent-disposition: form-data; name="image"; filename="image.jpg"'
        "\r\ncontent-type: image/jpeg\r\n\r\n"
    )
    return head.encode() + encoded + f"\r\n--{_BOUNDARY}--\r\n".encode()


def _triton(encoded: bytes) -> bytes:
    """One BYTES element: its length and its content, behind a JSON header.

    https://docs.nvidia.com/deeplearning/triton-inference-server → binary tensor data extension
    """
    parameters = {"binary_data_size": len(encoded) + 4}
    image = {"name": "image", "shape": [1, 1], "datatype": "BYTES", "parameters": parameters}
    # As long for every size: its length goes into a header that all requests share.
    header = json.dumps({"inputs": [image]}).encode().ljust(_TRITON_HEADER_BYTES)
    return header + struct.pack("<I", len(encoded)) + encoded


def _triton_class_id(response: bytes) -> int:
    answer: Any = json.loads(response)
    return int(next(each for each in answer["outputs"] if each["name"] == "class_id")["data"][0])


def _json_class_id(response: bytes) -> int:
    answer: Any = json.loads(response)
    return int(answer["class_id"])


_JPEG = {"Content-Type": "image/jpeg"}
_FORM = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}

RAW = Form("/classify", _JPEG, bytes, _json_class_id)
MULTIPART = Form("/classify", _FORM, _multipart, _json_class_id)
RAW_TO_INFERENCE = Form("/inference", _JPEG, bytes, _json_class_id)
TRITON = Form(
    "/v2/models/classifier/infer",
    {
        "Content-Type": "application/octet-stream",
        "Inference-Header-Content-Length": str(_TRITON_HEADER_BYTES),
    },
    _triton,
    _triton_class_id,
)
