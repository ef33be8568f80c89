"""The page of a load test worked out by hand."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from deployment_check.checks import Result, Verdict
from deployment_check.load.load_test import LoadTest, Phase
from deployment_check.load.metrics import Look, Metrics
from deployment_check.load.observer import Probe
from deployment_check.options import Options
from deployment_check.report import series
from deployment_check.report.page import page
from deployment_check.report.report import Report, conditions
from deployment_check.report.svg import Scale, number
from harness.toys import RED, encoded
from load_generator.known_images import Outcome
from load_generator.loops import Exchange

RIGHT, WRONG = Outcome.RIGHT, Outcome.WRONG


def look(when: float, count: int) -> Look:
    """After ``count`` batches of two images, 10 ms of decoding and 20 ms of inference each."""
    labels = '{endpoint="/classify",http_response_code="200"}'
    seen = {
        "image_classifier_batch_size_count": count,
        "image_classifier_batch_size_sum": 2 * count,
        "image_classifier_prepare_seconds_count": count,
        "image_classifier_prepare_seconds_sum": 0.010 * count,
        "image_classifier_inference_seconds_count": count,
        "image_classifier_inference_seconds_sum": 0.020 * count,
        f"bentoml_service_request_duration_seconds_count{labels}": 2 * count,
        f"bentoml_service_request_duration_seconds_sum{labels}": 0.045 * 2 * count,
        'image_classifier_worker_cpu_seconds_total{worker="1"}': 1.5 * when,
        'image_classifier_worker_resident_bytes{worker="1"}': 100 * 2**20,
        'image_classifier_gpu_utilization{gpu="0"}': 0.75,
    }
    return Look(when, Metrics("".join(f"{name} {value}\n" for name, value in seen.items())))


def phase(name: str, begin: float, outcome: Outcome, rate: float | None = None) -> Phase:
    exchanges = [Exchange(n / 4, n / 4, n / 4 + 0.050, outcome) for n in range(16)]
    # 8 batches of two: as many as there are requests.
    looks = look(begin, 10), look(begin + 4, 18)
    return Phase(name, begin, 4.0, exchanges, 0.9, rate, looks)


FOUND = LoadTest(
    (phase("1 client", 0, RIGHT), phase("8 clients", 4, RIGHT), phase("9 arrivals/s", 8, RIGHT, 9)),
    [look(when, 10 * when) for when in range(12)],
    [],
    [Probe(float(when), 0.004, None) for when in range(12)],
    images=[encoded(RED, (2000, 500))],
)

ALONE = FOUND.phases[0]
QUICK = [replace(each, finished=each.scheduled + 0.04) for each in ALONE.exchanges]


def report(found: LoadTest, *results: Result) -> str:
    started = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    known = conditions(Options("http://127.0.0.1"), found)
    return page(Report("http://a<b", {"model": "<i>"}, started, 12.3, results, found, (), known))


def test_series() -> None:
    assert set(dict(series.batch_size(FOUND)["images"]).values()) == {2.0}
    assert set(dict(series.processors(FOUND)["worker 1"]).values()) == {1.5}
    assert series.memory(FOUND)["worker 1"][0] == (0, 100.0)
    assert series.gpu_utilization(FOUND)["GPU 0"][0] == (0, 75.0)
    assert series.gpu_memory(FOUND) == {}
    answered = series.throughput(FOUND)
    assert answered[RIGHT][:3] == [(0.0, 4.0), (0.5, 4.0), (1.0, 4.0)]
    assert answered[WRONG] == []


def test_the_stages_of_a_request_are_together_its_latency() -> None:
    stages = {"decode and resize": 10, "inference": 20, "waiting, HTTP": 15, "network, client": 5}
    assert series.stages(ALONE) == pytest.approx(stages)
    assert sum(stages.values()) == pytest.approx(1000 * ALONE.latency.mean)


@pytest.mark.parametrize(
    ("unclear", "reason"),
    [
        (replace(ALONE, looks=None), "/metrics gave no answer"),
        (
            replace(ALONE, looks=(look(0, 10), look(4, 19))),
            "16 right answers to 1 client, but 18 in /metrics",
        ),
        (phase("8 clients", 4, WRONG), "0 right answers to 8 clients, but 16 in /metrics"),
        (
            replace(ALONE, exchanges=QUICK),
            "1 client: less than nothing is left for network, client",
        ),
    ],
)
def test_stages_that_cannot_be_right_are_not_drawn(unclear: Phase, reason: str) -> None:
    found = replace(FOUND, phases=(ALONE, unclear, FOUND.phases[2]))
    assert series.why_no_stages(found) == reason
    html = report(found)
    assert f"Where the time goes is not drawn: {reason}." in html
    assert "inference: 20 ms" not in html


def test_the_page_of_a_load_test() -> None:
    html = report(
        FOUND,
        Result("errors", "garbage", Verdict.FAILED, "<script>", 0.1),
        Result("errors", "keys", Verdict.SKIPPED, "no API key is in use", 0.1),
    )
    assert html.count("<svg") == 11
    assert "nan" not in re.sub(r"<style>.*?</style>", "", html)
    assert "✗ failed" in html
    assert '<span class="detail">&lt;script&gt;</span>' in html
    assert "<h1>http://a&lt;b</h1>" in html
    assert "The client was busy for 90% of the time" in html
    assert "decode and resize: 10 ms" in html
    cells = re.findall(r"<td>(.*?)</td>", html)
    assert cells[0] == "1 client"
    assert cells[2:11] == [*["50.0"] * 6, "16", "0", "0"]


def test_a_loop_without_right_answers_has_no_latency() -> None:
    html = report(replace(FOUND, phases=(ALONE, phase("8 clients", 4, WRONG), ALONE)))
    cells = re.findall(r"<td>(.*?)</td>", html)
    assert cells[11:22] == ["8 clients", "0.0", *["–"] * 6, "0", "0", "16"]


def test_the_page_of_several_replicas_has_no_charts_of_their_metrics() -> None:
    jumping = replace(FOUND, looks=[*FOUND.looks, look(12, 3)])
    html = report(jumping)
    assert html.count("<svg") == 5
    assert "Several replicas answered /metrics in turn: its figures are not drawn." in html


def test_what_the_figures_depend_on() -> None:
    here, elsewhere = (
        conditions(Options(url, max_p99_ms=limit), FOUND)
        for url, limit in (("http://127.0.0.1", None), ("http://192.0.2.1", 100.0))
    )
    assert here[0].startswith("Processors: the deployment and this client share ")
    assert here[1:4] == [
        "Workers of the deployment: 1.",
        "Images: 1, of 4 KB and 1.00 megapixels (medians).",
        "Limit of the 99th percentile (--max-p99-ms): none was set.",
    ]
    assert elsewhere[0].startswith("Processors: this client has ")
    assert elsewhere[3] == "Limit of the 99th percentile (--max-p99-ms): 100 ms."
    assert conditions(Options("http://127.0.0.1"), LoadTest()) == []
    assert here[4] in report(FOUND).replace("&#39;", "'")


def test_the_page_without_a_load_test() -> None:
    html = report(LoadTest(), Result("errors", "garbage", Verdict.PASSED, "415", 0.1))
    assert "<svg" not in html
    assert "✓ passed" in html


def test_scales_have_round_ticks() -> None:
    scale = Scale(23, 50, 250)
    assert scale.ticks() == [0, 5, 10, 15, 20]
    assert (scale(0), scale(23), scale(11.5)) == (50, 250, 150)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.0123, "0.0123"), (1.5, "1.5"), (12.345, "12.3"), (12345, "12,345")],
)
def test_numbers_have_three_digits_that_matter(value: float, text: str) -> None:
    assert number(value) == text
