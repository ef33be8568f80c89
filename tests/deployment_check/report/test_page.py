"""The page of a load test worked out by hand."""

import re
from datetime import datetime, timezone

import pytest

from deployment_check.load.load_test import LoadTest, Phase
from deployment_check.load.metrics import Look, Metrics
from deployment_check.load.observer import Probe
from deployment_check.report import series
from deployment_check.report.page import page
from deployment_check.report.report import Report
from deployment_check.report.svg import Scale, number
from deployment_check.result import Result, Verdict
from load_generator.known_images import Outcome
from load_generator.loops import Exchange

RIGHT, WRONG = Outcome.RIGHT, Outcome.WRONG


def look(when: float, count: int) -> Look:
    """After ``count`` batches of two images, 10 ms of decoding and 20 ms of inference each."""
    labels = '{endpoint="/classify",http_response_code="200"}'
    lines = [
        "# TYPE image_classifier_batch_size histogram",
        f"image_classifier_batch_size_count {count}",
        f"image_classifier_batch_size_sum {2 * count}",
        "# TYPE image_classifier_prepare_seconds histogram",
        f"image_classifier_prepare_seconds_count {count}",
        f"image_classifier_prepare_seconds_sum {0.010 * count}",
        "# TYPE image_classifier_inference_seconds histogram",
        f"image_classifier_inference_seconds_count {count}",
        f"image_classifier_inference_seconds_sum {0.020 * count}",
        "# TYPE bentoml_service_request_duration_seconds histogram",
        f"bentoml_service_request_duration_seconds_count{labels} {2 * count}",
        f"bentoml_service_request_duration_seconds_sum{labels} {0.045 * 2 * count}",
        "# TYPE image_classifier_worker_cpu_seconds counter",
        f'image_classifier_worker_cpu_seconds_total{{worker="1"}} {1.5 * when}',
        "# TYPE image_classifier_worker_resident_bytes gauge",
        f'image_classifier_worker_resident_bytes{{worker="1"}} {100 * 2**20}',
        "# TYPE image_classifier_gpu_utilization gauge",
        'image_classifier_gpu_utilization{gpu="0"} 0.75',
    ]
    return Look(when, Metrics("\n".join(lines) + "\n"))


def phase(name: str, begin: float, outcome: Outcome, rate: float | None = None) -> Phase:
    exchanges = [Exchange(n / 4, n / 4, n / 4 + 0.050, outcome) for n in range(16)]
    return Phase(name, begin, 4.0, exchanges, 0.9, rate)


FOUND = LoadTest(
    (phase("1 client", 0, RIGHT), phase("8 clients", 4, WRONG), phase("9 arrivals/s", 8, RIGHT, 9)),
    [look(when, 10 * when) for when in range(12)],
    [],
    [Probe(float(when), 0.004, None) for when in range(12)],
)


def report(found: LoadTest, *results: Result) -> str:
    started = datetime(2026, 1, 2, 3, 4, tzinfo=timezone.utc)
    return page(Report("http://a<b", {"model": "<i>"}, started, 12.3, results, found))


def test_series() -> None:
    alone = FOUND.phases[0]
    assert series.stages(FOUND, alone) == pytest.approx(
        {"decode and resize": 10, "inference": 20, "waiting, HTTP": 15, "network, client": 5}
    )
    assert series.stages(FOUND, FOUND.phases[1]) == {}
    assert set(dict(series.batch_size(FOUND)["images"]).values()) == {2.0}
    assert set(dict(series.processors(FOUND)["worker 1"]).values()) == {1.5}
    assert series.memory(FOUND)["worker 1"][0] == (0, 100.0)
    assert series.gpu_utilization(FOUND)["GPU 0"][0] == (0, 75.0)
    assert series.gpu_memory(FOUND) == {}
    answered = series.throughput(FOUND)
    assert answered[RIGHT][:3] == [(0.0, 4.0), (0.5, 4.0), (1.0, 4.0)]
    assert answered[WRONG][0] == (4.0, 4.0)


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
    assert cells[11:22] == ["8 clients", "0.0", *["–"] * 6, "0", "0", "16"]


def test_the_page_of_several_replicas_has_no_charts_of_their_metrics() -> None:
    jumping = LoadTest(FOUND.phases, [*FOUND.looks, look(12, 3)], [], FOUND.probes)
    html = report(jumping)
    assert html.count("<svg") == 5
    assert "/metrics came from several replicas" in html


def test_the_page_without_a_load_test() -> None:
    html = report(LoadTest(), Result("errors", "garbage", Verdict.PASSED, "415", 0.1))
    assert "<svg" not in html
    assert "✓ passed" in html


def test_scales_have_round_ticks() -> None:
    scale = Scale(0, 23, 50, 250)
    assert scale.ticks() == [0, 5, 10, 15, 20]
    assert (scale(0), scale(23), scale(11.5)) == (50, 250, 150)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.0123, "0.0123"),
        (1.5, "1.5"),
        (12.345, "12.3"),
        (12345, "12,345"),
    ],
)
def test_numbers_have_three_digits_that_matter(value: float, text: str) -> None:
    assert number(value) == text
