"""Checks of a request's header, before its body is read."""

from collections.abc import Iterable

from errors import UnsupportedMediaType, shortened
from serving.api.multipart import boundary_of
from serving.api.parameters import parameters_of_query

FORM = "multipart/form-data"
JSON = "application/json"
TEXT_FORM = "application/x-www-form-urlencoded"
OCTETS = "application/octet-stream"

# Content types of a raw body: none, bytes, an image, or a form without files, which is
# the default of curl's --data-binary.
_RAW = ("", OCTETS, "binary/octet-stream", TEXT_FORM)
_CLASSIFIED = frozenset({FORM, JSON, *_RAW})

# Codings that the HTTP parser removes, or that change nothing.
_PLAIN_CODINGS = {
    b"content-encoding": (b"", b"identity"),
    b"transfer-encoding": (b"", b"identity", b"chunked"),
}


def media_type_of(content_type: str) -> str:
    """A content type in lower case, without parameters."""
    return content_type.partition(";")[0].strip().lower()


def check_classify_head(content_type: str, query: str) -> None:
    """Check content type and query of a request to ``/classify``.

    Raises:
        UnsupportedMediaType: not a content type in which an image may be sent.
        InvalidRequest: a form without a boundary.
        InvalidParameter: an invalid parameter in the query.
    """
    media_type = media_type_of(content_type)
    if media_type not in _CLASSIFIED and not media_type.startswith("image/"):
        raise unsupported(content_type)
    _check_rest(media_type, content_type, query)


def check_batch_head(content_type: str, query: str) -> None:
    """As ``check_classify_head``, of a request to ``/classify_batch``."""
    media_type = media_type_of(content_type)
    # A form without files passes here: its later error says what to send.
    if media_type not in (FORM, JSON, TEXT_FORM):
        raise unsupported(content_type)
    _check_rest(media_type, content_type, query)


def check_codings(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Check that the body is not compressed.

    Raises:
        UnsupportedMediaType: it is; names the coding.
    """
    for name, value in headers:
        for coding in value.lower().split(b",") if name in _PLAIN_CODINGS else ():
            if coding.strip() not in _PLAIN_CODINGS[name]:
                raise UnsupportedMediaType(
                    f"{name.decode()} {shortened(coding.strip().decode('latin-1'))} is not taken; "
                    "send the body as it is",
                    headers={"accept-encoding": "identity"},
                )


def unsupported(content_type: str) -> UnsupportedMediaType:
    """The error for an unsupported content type."""
    return UnsupportedMediaType(
        f"content type {shortened(media_type_of(content_type))} is not taken; send {FORM}, "
        f"{JSON} or, to /classify, the image itself as image/*"
    )


def _check_rest(media_type: str, content_type: str, query: str) -> None:
    if media_type == FORM:
        boundary_of(content_type)
    parameters_of_query(query)
