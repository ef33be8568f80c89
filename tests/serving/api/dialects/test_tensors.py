"""Tensors, as JSON and as bytes."""

import json
import struct
from typing import Any

import numpy as np
import pytest

from errors import InvalidRequest
from serving.api.dialects.tensors import (
    Body,
    binary_of,
    bytes_tensor,
    encoded_images,
    pixels,
    split_body,
)

ONE = struct.pack("<I", 3) + b"abc"


def test_the_json_is_all_of_a_body_without_the_header() -> None:
    assert split_body(b'{"a": 1}', None, 10) == Body({"a": 1}, memoryview(b""))


def test_the_header_says_where_the_bytes_begin() -> None:
    body = b'{"a": 1}' + ONE
    assert split_body(body, b"8", 10) == Body({"a": 1}, memoryview(ONE))


@pytest.mark.parametrize("size", [b"", b"0", b"-1", b"9", b"x", b"1_0", b"9" * 5000, "²".encode()])
def test_a_header_that_cannot_be_is_refused(size: bytes) -> None:
    with pytest.raises(InvalidRequest, match="from 1 to the 8 bytes of the body"):
        split_body(b'{"a": 1}', size, 10)


def test_json_of_too_many_parts_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="too many parts"):
        split_body(json.dumps([1] * 100).encode(), None, 10)


def test_binary_data_must_be_all_that_follows() -> None:
    assert binary_of({}, memoryview(b"")) is None
    tensor = {"parameters": {"binary_data_size": 7}}
    assert binary_of(tensor, memoryview(ONE)) == memoryview(ONE)


@pytest.mark.parametrize("size", [None, 6, 8, "7", True, [7], -1])
def test_binary_data_of_another_size_is_refused(size: object) -> None:
    with pytest.raises(InvalidRequest, match="7 bytes follow the JSON"):
        binary_of({"parameters": {"binary_data_size": size}}, memoryview(ONE))


def test_images_as_base64_and_as_bytes() -> None:
    assert encoded_images({"data": ["YWJj", "ZA=="]}, None, 2) == [b"abc", b"d"]
    assert encoded_images({"data": [["YWJj"], ["ZA=="]]}, None, 2) == [b"abc", b"d"]
    binary = memoryview(bytes_tensor([b"abc", b"d"]))
    assert encoded_images({}, binary, 2) == [b"abc", b"d"]


@pytest.mark.parametrize(
    ("tensor", "binary", "message"),
    [
        ({"data": ["YWJj"]}, None, "the shape has 2 elements, the data 1"),
        ({"data": ["YWJj", ""]}, None, "empty"),
        ({"data": ["YWJj", "http://a/b.jpg"]}, None, "neither base64 nor a data URI"),
        ({"data": ["YWJj", 1]}, None, "must be base64"),
        ({"data": "YWJj"}, None, "neither a list 'data' nor binary data"),
        ({}, None, "neither a list 'data' nor binary data"),
        # What follows is not read: there may be millions of elements.
        ({"data": [*["YWJj"] * 3, 1]}, None, "the shape has 2 elements, the data more"),
        ({}, ONE * 3 + b"\1", "the shape has 2 elements, the data more"),
        ({}, ONE, "the shape has 2 elements, the data 1"),
        ({}, ONE + ONE[:-1], "cut off"),
        ({}, ONE + b"\1\0", "cut off"),
        ({}, ONE + b"\xff\xff\xff\xff", "cut off"),
        ({}, ONE + bytes(4), "empty"),
    ],
)
def test_images_that_cannot_be_read_are_refused(
    tensor: dict[str, Any], binary: bytes | None, message: str
) -> None:
    with pytest.raises(InvalidRequest, match=message):
        encoded_images(tensor, None if binary is None else memoryview(binary), 2)


SHAPE = (1, 1, 2, 3)
NUMBERS = [0, 1, 2, 253, 254, 255]
NESTED = [[[[0, 1, 2], [253, 254, 255]]]]


@pytest.mark.parametrize(
    ("data", "binary"), [(NUMBERS, None), (NESTED, None), (None, bytes(NUMBERS))]
)
def test_pixels_as_numbers_and_as_bytes(data: object, binary: bytes | None) -> None:
    (image,) = pixels({"data": data}, None if binary is None else memoryview(binary), SHAPE)
    assert image.dtype == np.uint8
    assert image.tolist() == NESTED[0]


@pytest.mark.parametrize(
    "data",
    [
        [*NUMBERS[:5], 256],
        [-1, *NUMBERS[1:]],
        [0.5, *NUMBERS[1:]],
        ["0", *NUMBERS[1:]],
        [True] * 6,
        [None, *NUMBERS[1:]],
        [10**30, *NUMBERS[1:]],
        [[1, 2], 3],
        [[[[[1]]]]],
        ["x" * 1_000_000, *[0] * 100_000],
        [],
    ],
)
def test_what_are_no_pixels_is_refused(data: object) -> None:
    with pytest.raises(InvalidRequest, match="whole numbers from 0 to 255"):
        pixels({"data": data}, None, SHAPE)


def test_pixels_of_another_shape_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="the shape has 6 elements, the data 5"):
        pixels({"data": NUMBERS[:5]}, None, SHAPE)
    with pytest.raises(InvalidRequest, match="the shape has 6 elements, the data 7"):
        pixels({}, memoryview(bytes(7)), SHAPE)
