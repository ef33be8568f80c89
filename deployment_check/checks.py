"""How a check is made."""

import time
from collections.abc import Callable

import httpx

from deployment_check.deployment import Deployment
from deployment_check.result import Failed, Result, Skipped, Verdict

Check = Callable[[Deployment], str]
"""Asks a deployment and returns what was seen; raises Failed or Skipped."""


def run(group: str, name: str, check: Check, deployment: Deployment) -> Result:
    started = time.perf_counter()
    verdict, detail = _outcome(check, deployment)
    seconds = time.perf_counter() - started
    return Result(group, name, verdict, deployment.redacted(detail), seconds)


def _outcome(check: Check, deployment: Deployment) -> tuple[Verdict, str]:
    try:
        return Verdict.PASSED, check(deployment)
    except Skipped as reason:
        return Verdict.SKIPPED, str(reason)
    except Failed as reason:
        return Verdict.FAILED, str(reason)
    except httpx.HTTPError as error:
        return Verdict.FAILED, f"{type(error).__name__}: {error}"
    # Without a document to compare it with, an answer may have any shape.
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        return Verdict.FAILED, f"the answer cannot be read: {type(error).__name__}: {error}"
