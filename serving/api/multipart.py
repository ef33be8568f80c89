"""``multipart/form-data`` bodies, read in memory and without copying the files."""

import codecs
import logging
import re
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from errors import InvalidRequest

# It logs every malformed form. The error response says so already.
logging.getLogger("python_multipart").setLevel(logging.ERROR)

_FILE_TYPES = (b"image/", b"application/octet-stream")

# python-multipart's own limit; RFC 2046 has 70.
_MAX_BOUNDARY_BYTES = 256

# File names as RFC 5987 and RFC 2231 write them; the parser ignores them.
_EXTENDED_FILE_NAME = re.compile(rb";\s*filename\*[0-9*]*\s*=", re.IGNORECASE)

# Within this many bytes every image format has one that is not text.
_TEXT_SAMPLE_BYTES = 1024

_utf8_decoder = codecs.getincrementaldecoder("utf-8")


@dataclass
class Part:
    """One part of a form.

    Attributes:
        is_file: whether it has a file name, the content type of bytes or of an image, or content
            that is not text.
    """

    name: str
    is_file: bool
    content: memoryview


@dataclass
class _Collector:
    """Turns the parser's callbacks, which give offsets, into parts."""

    body: memoryview
    max_parts: int
    parts: list[Part] = field(default_factory=list)
    finished: bool = False
    _header_name: bytes = b""
    _header_value: bytes = b""
    _disposition: bytes = b""
    _content_type: bytes = b""
    _content: tuple[int, int] | None = None

    def on_part_begin(self) -> None:
        if len(self.parts) == self.max_parts:
            raise _too_many(self.max_parts)
        self._disposition = self._content_type = b""
        self._content = None

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def on_header_end(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = self._header_value
        elif self._header_name.lower() == b"content-type":
            self._content_type = self._header_value.strip().lower()
        self._header_name = self._header_value = b""

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        # The body is parsed in one piece, so a part is reported in adjoining slices.
        first = start if self._content is None else self._content[0]
        self._content = (first, end)

    def on_part_end(self) -> None:
        _, options = parse_options_header(self._disposition)
        name = options.get(b"name")
        if name is None:
            raise InvalidRequest("a part of the form has no name")
        start, end = self._content or (0, 0)
        content = self.body[start:end]
        # RFC 7578, 4.2: the file name is optional.
        is_file = (
            b"filename" in options
            or self._content_type.startswith(_FILE_TYPES)
            or _EXTENDED_FILE_NAME.search(self._disposition) is not None
            or _is_binary(content[:_TEXT_SAMPLE_BYTES])
        )
        self.parts.append(Part(name.decode("utf-8", "replace"), is_file, content))

    def on_end(self) -> None:
        self.finished = True


def boundary_of(content_type: str) -> bytes:
    """The boundary between the parts of a form.

    Raises:
        InvalidRequest: it has no boundary, or one that is too long.
    """
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if not boundary:
        raise InvalidRequest("the multipart content type has no boundary")
    if len(boundary) > _MAX_BOUNDARY_BYTES:
        raise InvalidRequest(f"the form's boundary is longer than {_MAX_BOUNDARY_BYTES} bytes")
    return boundary


def parse_multipart(content_type: str, body: bytes, *, max_parts: int) -> list[Part]:
    """The parts of a form, in the order sent.

    Raises:
        InvalidRequest: no boundary, malformed or cut off, or too many parts.
    """
    boundary = boundary_of(content_type)
    # The parser runs Python code for each boundary: refuse too many before.
    if body.count(b"\r\n--" + boundary) > max_parts + 1:
        raise _too_many(max_parts)
    collector = _Collector(memoryview(body), max_parts)
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": collector.on_part_begin,
                "on_header_field": collector.on_header_field,
                "on_header_value": collector.on_header_value,
                "on_header_end": collector.on_header_end,
                "on_part_data": collector.on_part_data,
                "on_part_end": collector.on_part_end,
                "on_end": collector.on_end,
            },
        )
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise InvalidRequest("the multipart form is malformed") from error
    if not collector.finished:
        raise InvalidRequest("the multipart form is cut off")
    return collector.parts


def _is_binary(sample: memoryview) -> bool:
    """Whether the beginning of a part is not UTF-8 text."""
    start = bytes(sample)
    try:
        _utf8_decoder().decode(start)  # a character may be cut off at the end
    except UnicodeDecodeError:
        return True
    return b"\0" in start


def _too_many(max_parts: int) -> InvalidRequest:
    return InvalidRequest(f"the form has more than {max_parts} parts")
