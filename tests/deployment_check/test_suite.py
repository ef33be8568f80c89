"""Every check of the suite fails on a server that is wrong where the check looks."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace

import pytest

from deployment_check.checks import Result, Verdict, run
from deployment_check.deployment import Deployment
from deployment_check.load.load_checks import LoadChecks
from deployment_check.options import Options
from deployment_check.suite import GROUPS, LOAD_GROUP, results
from harness.servers import Server
from tests.deployment_check.conftest import KEY, Connect
from tests.deployment_check.flawed import Answer, Asked, flawed
from tests.deployment_check.flaws import FLAWS, LOAD_FLAWS, NOTHING_DESCRIBED, flaw, saying

pytestmark = pytest.mark.slow


@contextlib.contextmanager
def silent(name: str, seconds: float) -> Iterator[None]:
    yield


def names(made: list[Result], verdict: Verdict) -> set[str]:
    return {result.name for result in made if result.verdict is verdict}


def test_a_server_that_answers_everything_wrong_fails_everything(good: Server) -> None:
    with (
        flawed(good.url, lambda asked, answer: Answer(500, b'[{"wrong": true}]')) as url,
        Deployment(Options(url, KEY, seconds=0.2)) as deployment,
    ):
        made = list(results(deployment, LoadChecks(silent)))
    assert names(made, Verdict.PASSED) == set()
    assert {result.detail for result in made if result.verdict is Verdict.SKIPPED} == {
        "an unknown model is not the default model, efficientnet_lite0",
        "no API key is in use",
        "no load was made",
    }


@pytest.mark.parametrize("name", FLAWS)
def test_a_flaw_fails_its_own_checks_and_no_others(
    name: str, good: Server, connect: Connect
) -> None:
    a_flaw, expected = FLAWS[name]
    group = name.partition(",")[0]
    with flawed(good.url, a_flaw) as url:
        deployment = connect(url)
        made = [run(group, each, check, deployment) for each, check in GROUPS[group].items()]
    assert names(made, Verdict.FAILED) == expected


def test_a_document_that_describes_nothing_is_no_excuse(good: Server, connect: Connect) -> None:
    with flawed(good.url, flaw(saying(NOTHING_DESCRIBED), "/docs.json")) as url:
        deployment = connect(url)
        made = [run("", name, check, deployment) for name, check in GROUPS["predictions"].items()]
    assert names(made, Verdict.PASSED) == set()
    assert made[0].detail.startswith("the document has no status 200 of POST /classify")


@pytest.mark.parametrize("name", LOAD_FLAWS)
def test_a_flaw_that_shows_under_load(name: str, good: Server) -> None:
    a_flaw, expected, detail = LOAD_FLAWS[name]
    options = Options(good.url, KEY, seconds=0.15, concurrency=2, rate=20)
    with flawed(good.url, a_flaw) as url, Deployment(replace(options, url=url)) as deployment:
        checks = LoadChecks(silent).checks()
        made = [run(LOAD_GROUP, each, check, deployment) for each, check in checks.items()]
    assert names(made, Verdict.FAILED) == expected
    assert all(detail in result.detail for result in made if result.verdict is Verdict.FAILED)


@pytest.mark.parametrize("kept", [len(KEY), 10])
def test_a_server_that_sends_the_key_back_does_not_get_it_into_the_results(
    kept: int, good: Server, connect: Connect
) -> None:
    def telltale(asked: Asked, answer: Answer) -> Answer:
        echo = asked.headers.get("authorization", "")[: len("Bearer ") + kept]
        if asked.path == "/readyz":
            return Answer(500, echo.encode())
        return answer.saying(answer.json | {"model": echo}) if asked.path == "/health" else answer

    with flawed(good.url, telltale) as url:
        deployment = connect(url)
        result = run("", "ready", GROUPS["availability"]["GET /readyz"], deployment)
    assert result.detail == "500 'Bearer …', not 200"
    assert deployment.health["model"] == "Bearer …"
