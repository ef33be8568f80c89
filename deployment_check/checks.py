"""A check, how it is made, and its result."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from deployment_check.deployment import Deployment

Check = Callable[["Deployment"], str]
"""Asks a deployment and returns what it saw; raises Failed or Skipped."""


class Verdict(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


class Failed(Exception):
    """The deployment does not do what it must; the message says what it did."""


class Skipped(Exception):
    """The check does not apply to this deployment; the message says why."""


@dataclass(frozen=True)
class Result:
    """A check that was made."""

    group: str
    name: str
    verdict: Verdict
    detail: str  # what was seen, or why it failed or was skipped
    seconds: float


def run(group: str, name: str, check: Check, deployment: "Deployment") -> Result:
    """Make one check."""
    started = time.perf_counter()
    verdict, detail = _outcome(check, deployment)
    seconds = time.perf_counter() - started
    return Result(group, name, verdict, deployment.redacted(detail), seconds)


def _outcome(check: Check, deployment: "Deployment") -> tuple[Verdict, str]:
    try:
        return Verdict.PASSED, check(deployment)
    except Skipped as reason:
        return Verdict.SKIPPED, str(reason)
    except Failed as reason:
        return Verdict.FAILED, str(reason)
    except httpx.HTTPError as error:
        return Verdict.FAILED, f"{type(error).__name__}: {error}"
    # A deployment without a document may answer in any shape.
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        return Verdict.FAILED, f"the answer cannot be read: {type(error).__name__}: {error}"
