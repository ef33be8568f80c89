import json
import logging
import re
from datetime import datetime
from types import SimpleNamespace

import pytest

from serving.metrics import access_log
from serving.metrics.access_log import LINES_PER_SECOND, AccessLogger, is_failure
from settings import AccessLog
from tests.serving.metrics.requests_answered import TRACE, answered


def test_a_line_for_machines_is_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    logger = AccessLogger(AccessLog.JSON)
    logger.write(answered(trace=TRACE))
    (line,) = capsys.readouterr().out.splitlines()
    told = json.loads(line)
    assert datetime.fromisoformat(told.pop("time")).tzinfo is not None
    assert told.pop("stages_ms").keys() == {
        *("receive", "decode", "transform", "queue", "inference", "total")
    }
    assert told == {
        "request_id": "one",
        "trace_id": TRACE.trace_id,
        "method": "POST",
        "route": "/classify",
        "status": 200,
        "model": "image_classifier:toy",
        "images": 1,
        "left_out": 0,
    }


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    found = [record.getMessage() for record in caplog.records]
    caplog.clear()
    return found


def test_a_line_for_people_has_the_trace_if_there_is_one(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "image_classifier.access")
    logger = AccessLogger(AccessLog.HUMAN)
    logger.write(answered(415))
    logger.write(answered(trace=TRACE))
    first, second = lines(caplog)
    assert re.fullmatch(r"POST /classify 415 \d+\.\d ms one", first)
    assert second.endswith(f" ms one trace {TRACE.trace_id}")


def test_under_load_lines_are_left_out_and_counted_but_failures_are_told(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, "image_classifier.access")
    clock = SimpleNamespace(monotonic=lambda: 7.25)
    monkeypatch.setattr(access_log, "time", clock)
    logger = AccessLogger(AccessLog.HUMAN)
    for _ in range(LINES_PER_SECOND + 3):
        logger.write(answered())
    assert len(lines(caplog)) == LINES_PER_SECOND
    logger.write(answered(504))
    assert len(lines(caplog)) == 1
    clock.monotonic = lambda: 8.0
    logger.write(answered())
    logger.write(answered())
    first, second = lines(caplog)
    assert first.endswith("one (3 requests left out)")
    assert second.endswith("one")


@pytest.mark.parametrize(
    ("status", "failed"), [(200, False), (404, False), (499, False), (503, False), (500, True)]
)
def test_a_refusal_is_no_failure_of_the_service(status: int, failed: bool) -> None:
    assert is_failure(status) is failed
