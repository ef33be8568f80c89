"""The request that the front door hands to an endpoint."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from serving.api.header_checks import media_type_of
from serving.metrics.stages import RequestTimes


class Request(NamedTuple):
    """A whole request.

    Attributes:
        content_type: as sent, with its parameters; empty if there was none.
        query: the query string, not decoded.
        body: all of it.
        deadline: ``time.monotonic()`` seconds by which it must be answered.
        times: of its stages; None: they are not measured.
        headers: by name in lower case.
        captured: the part of the path for each ``{name}`` of the route.
    """

    content_type: str
    query: str
    body: bytes
    deadline: float
    times: RequestTimes | None = None
    headers: Mapping[bytes, bytes] = MappingProxyType({})
    captured: Mapping[str, str] = MappingProxyType({})

    @property
    def media_type(self) -> str:
        """The content type in lower case, without parameters."""
        return media_type_of(self.content_type)
