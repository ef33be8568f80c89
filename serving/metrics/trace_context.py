"""The trace that a client's request belongs to: W3C Trace Context, ``traceparent``."""

import re
from typing import NamedTuple

_TRACEPARENT = re.compile(
    rb"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})"
    rb"-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?"
)
_INVALID_VERSION = b"ff"
_FIRST_VERSION = b"00"
_SAMPLED = 1


class TraceContext(NamedTuple):
    """The place of a request in its client's trace.

    Attributes:
        trace_id: 32 hexadecimal digits.
        span_id: of the client's span, 16 hexadecimal digits.
        is_sampled: whether the client records the trace.
    """

    trace_id: str
    span_id: str
    is_sampled: bool


def trace_context(header: bytes | None) -> TraceContext | None:
    """What a ``traceparent`` header says; None without a valid one (Trace Context, 3.2)."""
    found = _TRACEPARENT.fullmatch(header) if header else None
    if found is None or found["version"] == _INVALID_VERSION:
        return None
    # Later versions may add fields at the end.
    if found["version"] == _FIRST_VERSION and found["more"] is not None:
        return None
    if not int(found["trace"], 16) or not int(found["span"], 16):
        return None
    is_sampled = bool(int(found["flags"], 16) & _SAMPLED)
    return TraceContext(found["trace"].decode(), found["span"].decode(), is_sampled)
