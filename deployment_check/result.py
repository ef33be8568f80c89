"""What came of a check."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


class Failed(Exception):
    """The deployment does not do what it must; the message says what it did."""


class Skipped(Exception):
    """The check does not apply to this deployment; the message says why."""


@dataclass(frozen=True)
class Result:
    group: str
    name: str
    verdict: Verdict
    detail: str  # what was seen, or why it failed or was skipped
    seconds: float
