"""Request → encoded images and ``top_k``, for the three forms a request may have.

- ``multipart/form-data`` with the image as a file;
- the image itself as the body;
- JSON with the image as base64 or a data URI.

Nothing is ever fetched for a client: a URL is not an image.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import parse_qsl

from errors import (
    ClassifierError,
    InvalidParameter,
    InvalidRequest,
    UnsupportedMediaType,
    value_or_raise,
)
from serving.messages import Request
from serving.multipart import Part, parse_multipart

DEFAULT_TOP_K = 5

IMAGE_FIELDS = ("image", "file")
BATCH_FIELD = "images"
TOP_K = "top_k"

FORM = "multipart/form-data"
JSON = "application/json"
# What clients call a raw body: nothing at all, bytes, an image, or, as curl's
# --data-binary does unless told otherwise, a form.
_RAW = ("", "application/octet-stream", "binary/octet-stream", "application/x-www-form-urlencoded")

# Fields that a form may have beside its images.
_OTHER_PARTS = 16

_WHOLE_NUMBER = re.compile(r"\s*-?[0-9]+\s*")

_WHITE_SPACE = b" \t\r\n"

_JSON_STRUCTURE = (b",", b"[", b"{", b":")
# Some hundred images with a data URI's comma and colon each, and room for more keys.
_MAX_JSON_PARTS = 4096

# Characters of a client's value that an error message repeats.
_SHOWN = 20

Encoded = bytes | memoryview


@dataclass(frozen=True)
class ImagesAndTopK:
    """What a request asks for.

    Attributes:
        images: encoded images in the order sent, or what is wrong with one.
        top_k: how many classes are wanted; None for the default.
    """

    images: list[Encoded | ClassifierError]
    top_k: int | None


def parse_classify(request: Request) -> tuple[Encoded, int | None]:
    """The one image of a request and its ``top_k``.

    Raises:
        RequestError: neither of the three forms, or not exactly one image.
    """
    media_type = request.media_type
    if media_type == FORM:
        parsed = _from_form(request, IMAGE_FIELDS)
        if len(parsed.images) > 1:
            raise InvalidRequest("send one image; /classify_batch takes several")
    elif media_type == JSON:
        content = _json_object(request)
        images = [_from_text(content[name], name) for name in IMAGE_FIELDS if name in content]
        if len(images) != 1:
            raise InvalidRequest(f"the JSON object must have one key {IMAGE_FIELDS[0]!r}")
        parsed = ImagesAndTopK(images, _top_k_of_json(content))
    elif media_type in _RAW or media_type.startswith("image/"):
        parsed = ImagesAndTopK([_not_empty(request.body)], None)
    else:
        raise _unsupported(request)
    image = cast("Encoded", value_or_raise(parsed.images.pop()))
    return image, _or_query(parsed.top_k, request)


def parse_classify_batch(request: Request, max_images: int) -> ImagesAndTopK:
    """The images of a request and its ``top_k``; one that cannot be read is an error in its place.

    Raises:
        RequestError: neither a form nor JSON, or no image at all.
        InvalidParameter: more than ``max_images``.
    """
    if request.media_type == FORM:
        parsed = _from_form(request, (BATCH_FIELD,), max_images)
        _check_count(len(parsed.images), max_images)
    elif request.media_type == JSON:
        content = _json_object(request)
        texts = content.get(BATCH_FIELD)
        if not isinstance(texts, list) or not texts:
            raise InvalidRequest(f"the JSON object must have a list {BATCH_FIELD!r}, not empty")
        _check_count(len(texts), max_images)
        parsed = ImagesAndTopK(
            [_from_text(text, BATCH_FIELD) for text in texts], _top_k_of_json(content)
        )
    else:
        raise _unsupported(request)
    return ImagesAndTopK(parsed.images, _or_query(parsed.top_k, request))


def _from_form(request: Request, fields: tuple[str, ...], max_images: int = 1) -> ImagesAndTopK:
    parts = parse_multipart(request.content_type, request.body, max_parts=max_images + _OTHER_PARTS)
    images = [_from_part(part) for part in parts if part.name in fields]
    if not images:
        found = ", ".join(sorted({repr(part.name) for part in parts})) or "none"
        raise InvalidRequest(f"the form has no file field {fields[0]!r} (fields found: {found})")
    # Browsers send a field that was left empty.
    texts = [str(part.content, "utf-8", "replace") for part in parts if part.name == TOP_K]
    top_k = [text for text in texts if text]
    return ImagesAndTopK(images, _top_k_of_text(top_k[-1]) if top_k else None)


def _from_part(part: Part) -> Encoded | ClassifierError:
    if not part.is_file:
        return InvalidRequest(
            f"field {part.name!r} is text, it must be a file; URLs and paths are not fetched"
        )
    return _not_empty(part.content)


def _from_text(text: object, name: str) -> Encoded | ClassifierError:
    """Base64, with or without a data URI's head, with or without line breaks."""
    if not isinstance(text, str):
        return InvalidRequest(f"{name!r} must be base64 text or a data URI")
    if text.startswith("data:"):
        head, _, text = text.partition(",")
        if not head.endswith(";base64"):
            return InvalidRequest(f"{name!r} is a data URI without base64")
    try:
        unbroken = text.encode("ascii").translate(None, _WHITE_SPACE)
        return _not_empty(base64.b64decode(unbroken, validate=True))
    except (binascii.Error, ValueError):
        return InvalidRequest(
            f"{name!r} is neither base64 nor a data URI; URLs and paths are not fetched"
        )


def _not_empty(content: Encoded) -> Encoded | ClassifierError:
    return content if len(content) else InvalidRequest("the image is empty (0 bytes)")


def _json_object(request: Request) -> dict[str, Any]:
    # Base64 has none of these; a list of a million nothings would take seconds to read.
    if sum(request.body.count(each) for each in _JSON_STRUCTURE) > _MAX_JSON_PARTS:
        raise InvalidRequest("the JSON body has too many parts")
    try:
        content = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("the body is not valid JSON") from error
    if not isinstance(content, dict):
        raise InvalidRequest("the JSON body must be an object")
    return content


def _top_k_of_json(content: dict[str, Any]) -> int | None:
    top_k = content.get(TOP_K)
    if top_k is not None and (isinstance(top_k, bool) or not isinstance(top_k, int)):
        raise _invalid_top_k(top_k)
    return top_k


def _top_k_of_text(text: str) -> int:
    try:
        # int() alone takes underscores and the digits of every script.
        if _WHOLE_NUMBER.fullmatch(text):
            return int(text)
    except ValueError:  # more digits than Python converts
        pass
    raise _invalid_top_k(text)


def _invalid_top_k(found: object) -> InvalidParameter:
    return InvalidParameter(f"{TOP_K} must be a whole number, not {_shortened(found)}")


def _shortened(found: object) -> str:
    if isinstance(found, (dict, list)):
        return "a JSON object" if isinstance(found, dict) else "a list"
    text = str(found)
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")


def _or_query(top_k: int | None, request: Request) -> int | None:
    """The body's ``top_k``, or else the query's, which is never nonsense that nobody notices."""
    values = [value for name, value in _query(request.query) if name == TOP_K]
    if not values:
        return top_k
    in_query = _top_k_of_text(values[-1])
    if top_k is None:
        return in_query
    if in_query < 1:
        raise InvalidParameter(f"{TOP_K} of the query must be at least 1, not {in_query}")
    return top_k


def _query(query: str) -> Iterable[tuple[str, str]]:
    if not query:
        return ()
    try:
        return parse_qsl(query, keep_blank_values=True, max_num_fields=_OTHER_PARTS)
    except ValueError as error:
        raise InvalidRequest("the query string has too many fields") from error


def _check_count(count: int, max_images: int) -> None:
    if count > max_images:
        raise InvalidParameter(f"{count} images sent, one request takes {max_images}")


def _unsupported(request: Request) -> UnsupportedMediaType:
    return UnsupportedMediaType(
        f"content type {_shortened(request.media_type)} is not taken; send {FORM}, "
        f"{JSON} or, to /classify, the image itself as image/*"
    )
