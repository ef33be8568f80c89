"""The Open Inference Protocol, version 2, over HTTP: what KServe and Triton speak.

The model takes one of two inputs: ``image``, BYTES ``[N]``, encoded images; or ``pixels``, UINT8
``[N, H, W, C]``, already preprocessed. Its output is ``probabilities``, FP32
``[N, classes]``, or its best classes as the classification extension writes them.

The specification and its clients disagree on what ``/v2/health`` answers: ``live`` or ``ready``.
Each answer has both.
"""

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, NamedTuple, cast

import numpy as np
import orjson

from errors import ClassifierError, InvalidParameter, InvalidRequest, RouteNotFound, shortened
from inference.answers.top_k import best_classes
from inference.arrays import Probabilities
from model_spec import MODEL_NAME, ModelSpec
from preprocessing.encoded import Encoded
from preprocessing.pixels import Pixels
from serving.api.dialects.tensors import (
    BINARY_SIZE,
    JSON_BYTES_HEADER,
    binary_of,
    bytes_tensor,
    dict_of,
    encoded_images,
    pixels,
    split_body,
)
from serving.api.header_checks import JSON, OCTETS
from serving.api.parsing import MAX_JSON_PARTS, check_count
from serving.api.requests import Request
from serving.api.responses import Response, json_response
from serving.classifier import Classifier
from serving.health import Monitor
from settings import Settings

EXTENSIONS = ("binary_tensor_data", "classification")
"""Of the protocol, as ``GET /v2`` names them."""

IMAGE = "image"
PIXELS = "pixels"
PROBABILITIES = "probabilities"

# JSON's escapes can write half of a pair; no response can.
_SURROGATE = re.compile("[\ud800-\udfff]")

_BYTES, _UINT8, _FP32 = "BYTES", "UINT8", "FP32"
_PLATFORM = "onnxruntime_onnx"


class _Output(NamedTuple):
    """The output that a client wants.

    Attributes:
        classes: number of best classes, as text; None: all probabilities.
        is_binary: whether it is sent as bytes after the JSON.
    """

    classes: int | None
    is_binary: bool


async def server(monitor: Monitor, settings: Settings, request: Request) -> Response:
    """``GET /v2``: the server's name and what it understands"""
    version = _version(monitor.ready_classifier())
    return json_response({"name": MODEL_NAME, "version": version, "extensions": EXTENSIONS})


async def live(monitor: Monitor, settings: Settings, request: Request) -> Response:
    """``GET /v2/health/live``: whether the process lives"""
    return json_response({"live": True, "ready": monitor.unready() is None})


async def ready(monitor: Monitor, settings: Settings, request: Request) -> Response:
    """``GET /v2/health/ready`` and ``/v2/models/…/ready``: whether to send it requests"""
    if "model" in request.captured:
        _check_model(monitor, request)
    is_ready = monitor.unready() is None
    content = {"name": MODEL_NAME, "live": True, "ready": is_ready}
    return json_response(content, HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE)


async def model(monitor: Monitor, settings: Settings, request: Request) -> Response:
    """``GET /v2/models/{model}``: the model's inputs and outputs"""
    classifier = _check_model(monitor, request)
    spec = classifier.spec
    return json_response(
        {
            "name": MODEL_NAME,
            "versions": [_version(classifier)],
            "platform": _PLATFORM,
            "inputs": [
                {"name": IMAGE, "datatype": _BYTES, "shape": [-1]},
                {"name": PIXELS, "datatype": _UINT8, "shape": [-1, *spec.pixels_shape]},
            ],
            "outputs": [
                {"name": PROBABILITIES, "datatype": _FP32, "shape": [-1, len(spec.labels)]}
            ],
        }
    )


async def infer(monitor: Monitor, settings: Settings, request: Request) -> Response:
    """``POST /v2/models/{model}/infer``: classify images, or pixels"""
    classifier = _check_model(monitor, request)
    spec = classifier.spec
    body = split_body(
        request.body,
        request.headers.get(JSON_BYTES_HEADER.encode()),
        # One image as numbers; more are sent as bytes.
        MAX_JSON_PARTS + int(np.prod(spec.pixels_shape)),
    )
    images = _images(body.content, body.binary, spec, settings.max_images_per_request)
    output = _output(body.content, len(spec.labels))
    identity = _identity(body.content)
    rows = _all_or_first_error(
        await classifier.probabilities(images, request.deadline, request.times)
    )
    head = {"model_name": MODEL_NAME, "model_version": _version(classifier)}
    if identity is not None:
        head["id"] = identity
    return _response(head, output, rows, spec.labels)


def check_infer_head(content_type: str, query: str) -> None:
    """Accept any content type: clients of the binary extension send several, or none."""


def _all_or_first_error(answers: Sequence[Probabilities | ClassifierError]) -> Probabilities:
    """float32 ``[N, classes]``; this protocol has no errors of single images."""
    for index, answer in enumerate(answers):
        if isinstance(answer, ClassifierError):
            if len(answers) > 1:
                answer.message = f"image {index}: {answer.message}"
            raise answer
    return np.stack(cast("Sequence[Probabilities]", answers))


def _check_model(monitor: Monitor, request: Request) -> Classifier:
    """The classifier, if the path names it."""
    classifier = monitor.ready_classifier()
    name, version = request.captured["model"], request.captured.get("version")
    if name != MODEL_NAME or version not in (None, _version(classifier)):
        raise RouteNotFound(
            f"no model {shortened(name)} of that version; there is {MODEL_NAME}, "
            f"version {_version(classifier)}"
        )
    return classifier


def _version(classifier: Classifier) -> str:
    return classifier.tag.partition(":")[2]


def _images(
    content: dict[str, Any], binary: memoryview, spec: ModelSpec, max_images: int
) -> Sequence[Encoded | Pixels]:
    tensor = _only(content.get("inputs"), "inputs")
    shape = _shape(tensor)
    kind = (tensor.get("name"), tensor.get("datatype"))
    own = binary_of(tensor, binary)
    if kind == (IMAGE, _BYTES):
        if len(shape) > 1 and set(shape[1:]) != {1}:
            raise InvalidRequest(f"the shape of {IMAGE!r} must be [N]")
        check_count(shape[0], max_images)
        return encoded_images(tensor, own, shape[0])
    if kind == (PIXELS, _UINT8):
        if tuple(shape[1:]) != spec.pixels_shape:
            sides = ", ".join(map(str, spec.pixels_shape))
            raise InvalidRequest(f"the shape of {PIXELS!r} must be [N, {sides}]")
        check_count(shape[0], max_images)
        return pixels(tensor, own, shape)
    raise InvalidRequest(
        f"the model takes {IMAGE!r} of type {_BYTES}, or {PIXELS!r} of type {_UINT8}"
    )


def _only(found: object, name: str) -> dict[str, Any]:
    if not isinstance(found, list) or len(found) != 1 or not isinstance(found[0], dict):
        raise InvalidRequest(f"{name!r} must be a list of one tensor")
    return found[0]


def _identity(content: dict[str, Any]) -> str | None:
    found = content.get("id")
    if found is not None and (not isinstance(found, str) or _SURROGATE.search(found)):
        raise InvalidRequest("'id' must be a text that UTF-8 can hold")
    return found


def _shape(tensor: dict[str, Any]) -> list[int]:
    shape = tensor.get("shape")
    # type(): True is an int, too.
    if isinstance(shape, list) and shape and all(type(n) is int and n > 0 for n in shape):
        return shape
    raise InvalidRequest("'shape' must be a list of whole numbers above 0")


def _output(content: dict[str, Any], classes: int) -> _Output:
    all_binary = bool(dict_of(content, "parameters").get("binary_data_output"))
    if content.get("outputs") in (None, []):
        return _Output(None, all_binary)
    tensor = _only(content["outputs"], "outputs")
    if tensor.get("name") != PROBABILITIES:
        raise InvalidRequest(f"the model has one output, {PROBABILITIES!r}")
    wanted = dict_of(tensor, "parameters")
    count = wanted.get("classification")
    is_binary = bool(wanted.get("binary_data", all_binary))
    if count is None or count == 0:
        return _Output(None, is_binary)
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise InvalidParameter(f"'classification' must be a whole number, not {shortened(count)}")
    return _Output(min(count, classes), is_binary)


def _response(
    head: dict[str, Any], output: _Output, rows: Probabilities, labels: Sequence[str]
) -> Response:
    tensor: dict[str, Any] = {"name": PROBABILITIES}
    if output.classes is None:
        tensor |= {"datatype": _FP32, "shape": rows.shape}
        data: Any = rows.ravel()
        binary = rows.astype("<f4").tobytes() if output.is_binary else b""
    else:
        texts = [_class_texts(row, output.classes, labels) for row in rows]
        tensor |= {"datatype": _BYTES, "shape": (len(rows), output.classes)}
        data = [text for row in texts for text in row]
        binary = bytes_tensor(text.encode() for text in data) if output.is_binary else b""
    if not output.is_binary:
        content = {**head, "outputs": [{**tensor, "data": data}]}
        return Response(orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY), media_type=JSON)
    tensor["parameters"] = {BINARY_SIZE: len(binary)}
    text = orjson.dumps({**head, "outputs": [tensor]})
    return Response(text + binary, media_type=OCTETS, headers={JSON_BYTES_HEADER: str(len(text))})


def _class_texts(row: Probabilities, count: int, labels: Sequence[str]) -> list[str]:
    """Each of the best classes as ``value:class id:label``."""
    return [f"{row[each]:f}:{each}:{labels[each]}" for each in best_classes(row, count)]
