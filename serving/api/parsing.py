"""Request → encoded images and parameters, for the three forms a request may have.

- ``multipart/form-data`` with the image as a file;
- the image itself as the body;
- JSON with the image as base64 or a data URI.

Nothing is ever fetched for a client: a URL is not an image.
"""

import base64
import binascii
import json
import re
from typing import Any, NamedTuple, cast

from errors import ClassifierError, InvalidParameter, InvalidRequest, shortened, value_or_raise
from preprocessing.encoded import Encoded
from serving.api.header_checks import FORM, JSON, TEXT_FORM, unsupported
from serving.api.multipart import Part, parse_multipart
from serving.api.parameters import (
    KINDS,
    check_names,
    first_given,
    parameters_of_form,
    parameters_of_json,
    parameters_of_query,
)
from serving.api.requests import Request
from serving.parameters import DEFAULTS, Parameters

IMAGE_FIELDS = ("image", "file")
BATCH_FIELD = "images"

# A form may have this many fields beside its images.
_OTHER_PARTS = 16

# Images do not begin like this.
_TEXT_FIELD = re.compile(rb"[\w.%+\[\]-]+=[!-~]*")
_TEXT_FIELD_BYTES = 1024

_WHITE_SPACE = b" \t\r\n"
# RFC 4648, 5: the alphabet of URLs and file names.
_URL_ALPHABET = bytes.maketrans(b"-_", b"+/")
_PAD = b"="
_BASE64_GROUP = 4

_DATA_URI = re.compile(r"data:[^,]*,", re.IGNORECASE)

_JSON_STRUCTURE = (b",", b"[", b"{", b":")
MAX_JSON_PARTS = 4096
"""Enough for several hundred data URIs, with a comma and a colon each, and other keys."""


class Parsed(NamedTuple):
    """The images of a request, and its parameters.

    Attributes:
        images: encoded images in the order sent; an error in place of an unreadable one.
        parameters: from the body, or else from the query.
    """

    images: list[Encoded | ClassifierError]
    parameters: Parameters


def parse_classify(request: Request) -> tuple[Encoded, Parameters]:
    """The one image of a request, whose head was checked, and its parameters.

    Raises:
        RequestError: not exactly one image, or it cannot be read.
    """
    media_type = request.media_type
    if media_type == FORM:
        parsed = _from_form(request, IMAGE_FIELDS)
        if len(parsed.images) > 1:
            raise InvalidRequest("send one image; /classify_batch takes several")
    elif media_type == JSON:
        content = json_object(request.body)
        images = [read_base64(content[name], name) for name in IMAGE_FIELDS if name in content]
        if len(images) != 1:
            raise InvalidRequest(f"the JSON object must have one key {IMAGE_FIELDS[0]!r}")
        parsed = Parsed(images, parameters_of_json(content))
    else:
        _check_no_text_form(request)
        parsed = Parsed([_not_empty(request.body)], DEFAULTS)
    image = cast("Encoded", value_or_raise(parsed.images.pop()))
    return image, _or_query(parsed.parameters, request)


def parse_classify_batch(request: Request, max_images: int) -> Parsed:
    """The images of a request, whose head was checked, and its parameters.

    An image that cannot be read is an error in its place.

    Raises:
        RequestError: no image at all.
        InvalidParameter: more than ``max_images``.
    """
    if request.media_type == FORM:
        parsed = _from_form(request, (BATCH_FIELD,), max_images)
        check_count(len(parsed.images), max_images)
    elif request.media_type == JSON:
        content = json_object(request.body)
        texts = content.get(BATCH_FIELD)
        if not isinstance(texts, list) or not texts:
            raise InvalidRequest(f"the JSON object must have a list {BATCH_FIELD!r}, not empty")
        check_count(len(texts), max_images)
        images = [read_base64(text, BATCH_FIELD) for text in texts]
        parsed = Parsed(images, parameters_of_json(content))
    else:
        _check_no_text_form(request)
        raise unsupported(request.content_type)
    return Parsed(parsed.images, _or_query(parsed.parameters, request))


def _from_form(request: Request, fields: tuple[str, ...], max_images: int = 1) -> Parsed:
    parts = parse_multipart(request.content_type, request.body, max_parts=max_images + _OTHER_PARTS)
    images = [_from_part(part) for part in parts if part.name in fields]
    if not images:
        found = ", ".join(sorted({shortened(part.name) for part in parts})) or "none"
        raise InvalidRequest(f"the form has no file field {fields[0]!r} (fields found: {found})")
    check_names(part.name for part in parts)
    texts = [
        (part.name, str(part.content, "utf-8", "replace")) for part in parts if part.name in KINDS
    ]
    return Parsed(images, parameters_of_form(texts))


def _from_part(part: Part) -> Encoded | ClassifierError:
    if part.is_file:
        return _not_empty(part.content)
    return InvalidRequest(
        f"field {part.name!r} is text, it must be a file; URLs and paths are not fetched"
    )


def _check_no_text_form(request: Request) -> None:
    """Refuse a form without files: only raw images are sent with that content type by mistake."""
    if request.media_type == TEXT_FORM and _TEXT_FIELD.fullmatch(
        request.body, 0, _TEXT_FIELD_BYTES
    ):
        raise InvalidRequest(
            f"a form of type {TEXT_FORM} has only text, send images as {FORM}; "
            "URLs and paths are not fetched"
        )


def read_base64(text: object, name: str) -> Encoded | ClassifierError:
    """An image as base64 of either alphabet, padded or not, or as a data URI.

    Returns:
        The encoded image, or what is wrong with the text, which the error calls ``name``.
    """
    if not isinstance(text, str):
        return InvalidRequest(f"{name!r} must be base64 text or a data URI")
    text = text.lstrip()
    if head := _DATA_URI.match(text):
        if not head[0].lower().endswith(";base64,"):
            return InvalidRequest(f"{name!r} is a data URI without base64")
        text = text[head.end() :]
    try:
        unbroken = text.encode("ascii").translate(_URL_ALPHABET, _WHITE_SPACE)
        padded = unbroken + _PAD * (-len(unbroken) % _BASE64_GROUP)
        return _not_empty(base64.b64decode(padded, validate=True))
    except (binascii.Error, ValueError):
        return InvalidRequest(
            f"{name!r} is neither base64 nor a data URI; URLs and paths are not fetched"
        )


def image_of_base64(text: object, name: str) -> Encoded:
    """As ``read_base64``.

    Raises:
        InvalidRequest: the text is no image in base64.
    """
    return cast("Encoded", value_or_raise(read_base64(text, name)))


def _not_empty(content: Encoded) -> Encoded | ClassifierError:
    return content if len(content) else InvalidRequest("the image is empty (0 bytes)")


def json_object(body: bytes, max_parts: int = MAX_JSON_PARTS) -> dict[str, Any]:
    """The JSON object in a body.

    Args:
        max_parts: commas, colons and brackets in the body, those in texts included.

    Raises:
        InvalidRequest: it is no JSON object, or has more parts.
    """
    # Base64 has none of these. To parse a list of a million items would take seconds.
    if sum(body.count(each) for each in _JSON_STRUCTURE) > max_parts:
        raise InvalidRequest("the JSON body has too many parts")
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("the body is not valid JSON") from error
    if not isinstance(content, dict):
        raise InvalidRequest("the JSON body must be an object")
    return content


def _or_query(in_body: Parameters, request: Request) -> Parameters:
    """From the body, else the query; an invalid query value is always rejected."""
    return first_given(in_body, parameters_of_query(request.query))


def check_count(count: int, max_images: int) -> None:
    """Raise InvalidParameter for more images than a request may have."""
    if count > max_images:
        raise InvalidParameter(f"{count} images sent, one request takes {max_images}")
