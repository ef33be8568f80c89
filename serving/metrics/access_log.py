"""One line in the log for a request, and fewer under load.

In each second a worker writes up to ``LINES_PER_SECOND`` lines, and the same number again for
failures of the service. The next line says how many requests were left out before it.
"""

import logging
import sys
import time
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import orjson

from serving.metrics.answered import Answered
from settings import AccessLog

LINES_PER_SECOND = 100
"""Of a worker, for each kind of answer. A line costs up to 0.1 ms."""

_DECIMALS = 2

_human = logging.getLogger("image_classifier.access")
_json = logging.getLogger("image_classifier.access.json")


class _Sample:
    """Takes the first requests of each second.

    Attributes:
        left_out: requests that were not taken since the last that was.
    """

    def __init__(self) -> None:
        self.left_out = 0
        self._second = 0
        self._taken = 0

    def takes(self) -> bool:
        """Whether one more request is taken."""
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._taken = second, 0
        if self._taken == LINES_PER_SECOND:
            self.left_out += 1
            return False
        self._taken += 1
        return True


class AccessLogger:
    """Writes the access log; its form is not ``OFF``."""

    def __init__(self, form: AccessLog) -> None:
        self._form = form
        self._samples = {False: _Sample(), True: _Sample()}
        if form is AccessLog.JSON:
            # A line is the object alone: without the date and level of BentoML's format.
            _json.handlers = [logging.StreamHandler(sys.stdout)]
            _json.setLevel(logging.INFO)
            _json.propagate = False

    def write(self, answered: Answered) -> None:
        """Write a line, unless there are too many."""
        sample = self._samples[is_failure(answered.status)]
        if not sample.takes():
            return
        left_out, sample.left_out = sample.left_out, 0
        if self._form is AccessLog.JSON:
            _json.info(orjson.dumps(as_json(answered, left_out)).decode())
        else:
            _human.info(in_words(answered, left_out))


def is_failure(status: int) -> bool:
    """Whether an answer is the service's fault; a refusal under overload is not."""
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.SERVICE_UNAVAILABLE


def in_words(answered: Answered, left_out: int) -> str:
    """A line for people."""
    milliseconds = 1000 * answered.times.durations().total
    words = [answered.method, answered.route, str(int(answered.status)), f"{milliseconds:.1f} ms"]
    words.append(answered.request_id)
    if answered.trace:
        words.append(f"trace {answered.trace.trace_id}")
    if left_out:
        words.append(f"({left_out} requests left out)")
    return " ".join(words)


def as_json(answered: Answered, left_out: int) -> dict[str, Any]:
    """A line for machines; times in milliseconds."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "request_id": answered.request_id,
        "trace_id": answered.trace.trace_id if answered.trace else None,
        "method": answered.method,
        "route": answered.route,
        "status": int(answered.status),
        "model": answered.model,
        "images": len(answered.times.images),
        "stages_ms": {
            stage: round(1000 * seconds, _DECIMALS)
            for stage, seconds in answered.times.durations().known().items()
        },
        "left_out": left_out,
    }
