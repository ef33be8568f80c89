"""The whole suite: every check, by group."""

from collections.abc import Iterator, Mapping

from deployment_check.checks import Check, Result, run
from deployment_check.deployment import Deployment
from deployment_check.load.load_checks import LoadChecks
from deployment_check.questions import (
    availability,
    bad_requests,
    batches,
    edge_cases,
    known_answers,
    predictions,
    response_times,
)

GROUPS: Mapping[str, Mapping[str, Check]] = {
    "availability": availability.CHECKS,
    "known images": known_answers.CHECKS,
    "predictions": predictions.CHECKS,
    "batches": batches.CHECKS,
    "odd images and names": edge_cases.CHECKS,
    "errors": bad_requests.CHECKS,
    "response times": response_times.CHECKS,
}

LOAD_GROUP = "load"


def results(deployment: Deployment, loading: LoadChecks) -> Iterator[Result]:
    """Make every check, one after another."""
    for group, checks in [*GROUPS.items(), (LOAD_GROUP, loading.checks())]:
        for name, check in checks.items():
            yield run(group, name, check, deployment)
