"""How a load test is judged, by loops worked out by hand."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from deployment_check.checks import Failed
from deployment_check.load.load_checks import is_measured, is_ready, judge
from deployment_check.load.load_test import LoadTest, Phase, learn
from deployment_check.load.observer import Probe
from deployment_check.options import Options
from harness.servers import Server
from harness.toys import RED, encoded
from load_generator.known_images import Outcome
from load_generator.loops import Exchange
from tests.deployment_check.conftest import Connect


def phase(*outcomes: Outcome) -> Phase:
    """Requests sent every 0.1 s for 2 s, each answered after 0.1 s or in its turn more."""
    exchanges = [
        Exchange(n / 10, n / 10, n / 10 + 0.1 + n / 1000, outcome, f"detail {n}")
        for n, outcome in enumerate(outcomes)
    ]
    return Phase("test", 5.0, 2.0, exchanges, 0.1)


RIGHT, REFUSED, LOST, WRONG = Outcome.RIGHT, Outcome.REFUSED, Outcome.LOST, Outcome.WRONG


def test_throughput_and_latency() -> None:
    found = phase(*[RIGHT] * 20)
    assert found.throughput == pytest.approx(20 / 2.019)  # the last is answered at 1.9 + 0.119 s
    assert found.end == pytest.approx(7.019)
    assert found.latency.p50 == pytest.approx(0.109)
    assert judge(found) == "9.9 answers/s, p50 109.0 ms, p99 119.0 ms, max 119.0 ms"
    assert judge(found, max_p99_ms=120) == judge(found)


@pytest.mark.parametrize(
    ("outcomes", "message"),
    [
        ([RIGHT, WRONG, RIGHT], "1 of 3 failed: detail 1"),
        ([RIGHT, WRONG, LOST], "2 of 3 failed: detail 2"),
        ([RIGHT] * 98 + [REFUSED] * 2, "2 of 100 refused: detail 98"),
        ([REFUSED], "1 of 1 refused: detail 0"),
        ([], "nothing was answered"),
    ],
)
def test_what_fails(outcomes: Sequence[Outcome], message: str) -> None:
    with pytest.raises(Failed) as caught:
        judge(phase(*outcomes))
    assert str(caught.value) == message


def test_one_in_a_hundred_may_be_refused() -> None:
    assert judge(phase(*[RIGHT] * 99, REFUSED)).startswith("9.8 answers/s")


@pytest.mark.parametrize(
    ("own_cores", "doubt"),
    [
        (0.79, None),
        (0.95, "The client was busy for 95% of the time: the deployment may be able to do more."),
    ],
)
def test_a_busy_client_casts_doubt(own_cores: float, doubt: str | None) -> None:
    busy = replace(phase(RIGHT), own_cores=own_cores)
    assert LoadTest((phase(RIGHT), busy)).doubt == doubt


def test_a_limit_that_is_exceeded() -> None:
    with pytest.raises(Failed, match=r"p99 is 119\.0 ms, above 118\.9 ms"):
        judge(phase(*[RIGHT] * 20), max_p99_ms=118.9)


def test_a_moment_without_readiness_fails() -> None:
    probes = [Probe(0.0, 0.02, None), Probe(1.0, 0.05, None)]
    assert is_ready(LoadTest(probes=probes)) == "2 of 2, the slowest in 50 ms"
    with pytest.raises(Failed, match=r"1 of 3: after 2\.0 s: 503"):
        is_ready(LoadTest(probes=[*probes, Probe(2.0, 0.1, "503")]))
    with pytest.raises(Failed):
        is_ready(LoadTest())
    with pytest.raises(Failed):
        is_measured(LoadTest())


@pytest.mark.slow
def test_photographs_of_ones_own(good: Server, connect: Connect, tmp_path: Path) -> None:
    deployment = connect(good.url)
    deployment.options = Options(good.url, photographs=tmp_path)
    (tmp_path / "a.png").write_bytes(b"no image")
    (tmp_path / "notes.txt").write_text("not sent")
    with pytest.raises(Failed, match="gets an answer"):
        learn(deployment)
    (tmp_path / "red.png").write_bytes(encoded(RED))
    (known,) = learn(deployment)
    assert (known.image, known.label, known.confidence) == (encoded(RED), "red", 0.992248)
