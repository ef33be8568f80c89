"""Tensors of the Open Inference Protocol: as JSON, and as bytes after it.

The binary extension puts a tensor's bytes after the JSON. A header says how long the JSON is.
Before each element of type BYTES stands its length, as four bytes, the lowest first.
Source: Triton's ``extension_binary_data``.
"""

import contextlib
import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple

import numpy as np

from errors import InvalidRequest, shortened
from preprocessing.encoded import Encoded
from preprocessing.pixels import Pixels
from serving.api.parsing import image_of_base64, json_object

JSON_BYTES_HEADER = "inference-header-content-length"
"""Header with the number of bytes of the JSON; all that follows is binary."""

BINARY_SIZE = "binary_data_size"
"""Parameter of a tensor: how many bytes it has after the JSON."""

_LENGTH = struct.Struct("<I")

# Of pixels: [N, H, W, C].
_DIMENSIONS = 4


class Body(NamedTuple):
    """A request's body: a JSON object, and the bytes after it."""

    content: dict[str, Any]
    binary: memoryview


def split_body(body: bytes, json_bytes: bytes | None, max_json_parts: int) -> Body:
    """The JSON of a body, and the bytes after it.

    Args:
        json_bytes: value of the header ``JSON_BYTES_HEADER``; None without it.
        max_json_parts: as of ``json_object``.

    Raises:
        InvalidRequest: the header is no number, or the JSON no object.
    """
    if json_bytes is None:
        return Body(json_object(body, max_json_parts), memoryview(b""))
    # A longer number is beyond any body.
    size = int(json_bytes) if json_bytes.isdigit() and len(json_bytes) <= len(str(len(body))) else 0
    if not 0 < size <= len(body):
        raise InvalidRequest(
            f"{JSON_BYTES_HEADER} must be a number from 1 to the {len(body)} bytes of the body"
        )
    return Body(json_object(body[:size], max_json_parts), memoryview(body)[size:])


def binary_of(tensor: dict[str, Any], binary: memoryview) -> memoryview | None:
    """The bytes of a request's only tensor; None if its data is in the JSON.

    Raises:
        InvalidRequest: there are fewer bytes than it says, or more.
    """
    size = dict_of(tensor, "parameters").get(BINARY_SIZE)
    if size is None and not len(binary):
        return None
    if size != len(binary) or isinstance(size, bool):
        raise InvalidRequest(
            f"{BINARY_SIZE} is {shortened(size)}, but {len(binary)} bytes follow the JSON"
        )
    return binary


def encoded_images(tensor: dict[str, Any], binary: memoryview | None, count: int) -> list[Encoded]:
    """The ``count`` elements of a tensor of type BYTES, each an encoded image.

    Its ``data`` holds base64, unless it is binary.

    Raises:
        InvalidRequest: there are fewer or more, or one is cut off, empty or no base64.
    """
    elements = _elements(binary) if binary is not None else _from_base64(tensor.get("data"))
    # A body of zeros holds millions of elements: look at no more than could be right.
    found = list(islice(elements, count + 1))
    if len(found) > count:
        raise InvalidRequest(f"the shape has {count} elements, the data more")
    _check_count(len(found), count)
    if not all(map(len, found)):
        raise InvalidRequest("an image is empty (0 bytes)")
    return found


def pixels(
    tensor: dict[str, Any], binary: memoryview | None, shape: Sequence[int]
) -> Sequence[Pixels]:
    """The images of a tensor of type UINT8 and of the shape ``[N, H, W, C]``.

    Its ``data`` holds numbers, nested or not, unless it is binary.

    Raises:
        InvalidRequest: there are fewer or more numbers, or one is not a whole number from 0 to 255.
    """
    values = _numbers(tensor.get("data")) if binary is None else np.frombuffer(binary, np.uint8)
    _check_count(values.size, int(np.prod(shape)))
    return list(values.reshape(shape))


def dict_of(content: dict[str, Any], name: str) -> dict[str, Any]:
    """An optional object of a JSON object; empty if it is absent.

    Raises:
        InvalidRequest: it is something else.
    """
    found = content.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise InvalidRequest(f"{name!r} must be an object")
    return found


def bytes_tensor(elements: Iterable[bytes]) -> bytes:
    """A tensor of type BYTES in the binary extension's format."""
    return b"".join(_LENGTH.pack(len(element)) + element for element in elements)


def _from_base64(data: object) -> Iterator[Encoded]:
    """The images of a list; the protocol allows lists in it."""
    for each in _list(data):
        for text in each if isinstance(each, list) else (each,):
            yield image_of_base64(text, "data")


def _elements(binary: memoryview) -> Iterator[memoryview]:
    start = 0
    while start < len(binary):
        begin = start + _LENGTH.size
        if begin > len(binary):
            raise _cut_off()
        end = begin + _LENGTH.unpack_from(binary, start)[0]
        if end > len(binary):
            raise _cut_off()
        yield binary[begin:end]
        start = end


def _cut_off() -> InvalidRequest:
    return InvalidRequest("the tensor's binary data is cut off")


def _list(data: object) -> list[Any]:
    if not isinstance(data, list):
        raise InvalidRequest("the tensor has neither a list 'data' nor binary data")
    return data


def _numbers(data: object) -> Pixels:
    values = _list(data)
    for _ in range(_DIMENSIONS - 1):
        if values and all(isinstance(each, list) for each in values):
            values = list(chain.from_iterable(values))
    # numpy would make texts of numbers if there is a text among them, each as long as the longest.
    if values and all(type(each) is int for each in values):
        with contextlib.suppress(ValueError):  # beyond a byte
            return np.frombuffer(bytes(values), np.uint8)
    raise InvalidRequest("pixels must be whole numbers from 0 to 255")


def _check_count(found: int, expected: int) -> None:
    if found != expected:
        raise InvalidRequest(f"the shape has {expected} elements, the data {found}")
