"""Hostile files and requests in other servers' protocols."""

import base64
import json
import struct
from collections.abc import Callable
from typing import Any

from hostile.images.containers import PNG
from hostile.images.files import BODY, FILES
from hostile.requests.calls import Call, body
from hostile.requests.expected import RED, Outcome
from model_spec import MODEL_NAME
from serving.api.dialects.tensors import BINARY_SIZE, JSON_BYTES_HEADER

INFER = f"/v2/models/{MODEL_NAME}/infer"

_BEST = [{"name": "probabilities", "parameters": {"classification": 1}}]
_NUMBERS = 2_000_000

# One of each kind of refusal, cheap to make.
_NAMES = (
    *("PNG of 169 MP in 20 KB", "PNG of 2³¹ × 2³¹", "PNG of 1 × 20,000"),
    *("PNG without data for its 25 MP", "JPEG of 65,500 × 65,500"),
    *("GIF screen of 65,535²", "WebP of 27 MP in 1 KB"),
)

_BAD = Outcome(400, "")


def with_files() -> list[Call]:
    """A red image and hostile files, in each of the protocols."""
    files = {name: (FILES[name].make, FILES[name].expected) for name in _NAMES}
    files["red"] = (lambda: PNG, RED)
    return [call for make, expected in files.values() for call in _in_each(make(), expected)]


def tensors() -> list[Call]:
    """Tensors whose shape, size or data contradict each other, or are too large."""
    cases: list[tuple[dict[str, Any], bytes, Outcome]] = [
        (_image([1]) | {"parameters": {BINARY_SIZE: 2**40}}, b"", _BAD),
        (_image([2**62]) | _size(4), bytes(4), Outcome(422, "")),
        (_image([1]) | _size(4), struct.pack("<I", 2**32 - 1), _BAD),
        (_image([1]) | _size(BODY), bytes(BODY), _BAD),
        (_image([1]) | {"data": ["A" * 1_000_000]}, b"", Outcome(415, "")),
        (_pixels([1, 4, 4, 3]) | {"data": [0] * _NUMBERS}, b"", _BAD),
        (_pixels([1, 4, 4, 3]) | {"data": ["x" * 1_000_000, *[0] * 2_000]}, b"", _BAD),
        (_pixels([2**31, 4, 4, 3]) | _size(48), bytes(48), Outcome(422, "")),
    ]
    nested = b'{"inputs": [{"name": "pixels", "datatype": "UINT8", "data": ' + b"[" * 3000
    half = {"id": "\ud800", "inputs": [_image([1]) | {"data": [_text(PNG)]}]}
    return [
        *[Call(expected, _binary(tensor, data), INFER) for tensor, data, expected in cases],
        Call(_BAD, body(nested), INFER),
        Call(_BAD, body(json.dumps(half).encode()), INFER),
        Call(_BAD, lambda: {"content": PNG, "headers": {JSON_BYTES_HEADER: "9" * 4000}}, INFER),
    ]


def _in_each(content: bytes, expected: Outcome) -> list[Call]:
    # Errors are texts there, without a code.
    seen = expected if expected == RED else Outcome(expected.status, "")
    text = _text(content)
    tensor = _image([1])
    binary = struct.pack("<I", len(content)) + content
    return [
        Call(seen, body(content), "/", is_decoded=True),
        Call(seen, lambda: {"json": {"inputs": text}}, "/", is_decoded=True),
        Call(seen, lambda: {"files": {"file": content}}, "/predict", is_decoded=True),
        Call(seen, _binary(tensor | {"data": [text]}, b""), INFER, is_decoded=True),
        Call(seen, _binary(tensor | _size(len(binary)), binary), INFER, is_decoded=True),
    ]


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _image(shape: list[int]) -> dict[str, Any]:
    return {"name": "image", "datatype": "BYTES", "shape": shape}


def _pixels(shape: list[int]) -> dict[str, Any]:
    return {"name": "pixels", "datatype": "UINT8", "shape": shape}


def _size(count: int) -> dict[str, Any]:
    return {"parameters": {BINARY_SIZE: count}}


def _binary(tensor: dict[str, Any], data: bytes) -> Callable[[], dict[str, Any]]:
    head = json.dumps({"inputs": [tensor], "outputs": _BEST}).encode()
    headers = {JSON_BYTES_HEADER: str(len(head))}
    return lambda: {"content": head + data, "headers": headers}
