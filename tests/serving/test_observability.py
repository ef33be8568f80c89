"""What a whole server shows of itself: headers, metrics, logs."""

import re

import httpx
import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from harness.toys import RED, encoded
from serving.metrics.stages import STAGES
from tests.support.documents import DOCS, table_rows

pytestmark = pytest.mark.slow

SOMETIMES = ("image_classifier_gpu_", "image_classifier_population_stability_index")
"""Metrics of GPUs, and of models with a reference."""


def timings(response: httpx.Response) -> dict[str, float]:
    """Milliseconds of each stage that the response tells of."""
    entries = re.fullmatch(r"\w+;dur=[\d.]+(, \w+;dur=[\d.]+)*", response.headers["server-timing"])
    assert entries is not None
    return {
        name: float(milliseconds)
        for name, milliseconds in re.findall(r"(\w+);dur=([\d.]+)", entries[0])
    }


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/classify", {"content": encoded(RED)}),
        ("/classify_batch", {"files": [("images", encoded(RED)), ("images", b"no image")]}),
        # Decoded in a process of its own.
        ("/classify", {"content": encoded(RED, (16, 16), "GIF")}),
    ],
)
def test_an_answer_says_where_its_time_went(
    path: str, sent: dict[str, object], client: httpx.Client
) -> None:
    response = client.post(path, **sent)  # type: ignore[arg-type]
    found = timings(response)
    assert response.status_code == 200
    assert tuple(found) == STAGES
    inside = sum(found[stage] for stage in STAGES[:-1])
    assert 0 < found["inference"] <= inside
    # Each figure is rounded to a hundredth.
    assert inside <= found["total"] + 0.03
    assert found["total"] <= 1000 * response.elapsed.total_seconds()


@pytest.mark.parametrize(
    ("sent", "status", "passed"),
    [
        ({"content": b"no image"}, 415, ("receive", "total")),
        ({"content": b"a", "headers": {"content-encoding": "gzip"}}, 415, ("total",)),
    ],
)
def test_an_error_says_how_far_it_came(
    sent: dict[str, object], status: int, passed: tuple[str, ...], client: httpx.Client
) -> None:
    response = client.post("/classify", **sent)  # type: ignore[arg-type]
    assert response.status_code == status
    assert tuple(timings(response)) == passed


def test_other_routes_have_no_stages(client: httpx.Client) -> None:
    assert "server-timing" not in client.get("/health").headers


def test_the_table_of_the_documents_has_every_metric(client: httpx.Client) -> None:
    assert client.post("/classify", content=encoded(RED)).status_code == 200
    text = client.get("/metrics").text
    shown = {
        (name_of(family), family.type, frozenset(labels_of(family)))
        for family in text_string_to_metric_families(text)
        if family.samples
    }
    assert 'image_classifier_predicted_images_total{class_id="0",label="red"}' in text
    always = {each for each in documented() if not each[0].startswith(SOMETIMES)}
    assert always <= shown <= documented()


def name_of(family: Metric) -> str:
    return f"{family.name}_total" if family.type == "counter" else family.name


def labels_of(family: Metric) -> set[str]:
    return {label for sample in family.samples for label in sample.labels} - {"le"}


def documented() -> set[tuple[str, str, frozenset[str]]]:
    """Name, type and labels of each row; ``the same`` means: as in the row above."""
    found = set()
    labels = frozenset[str]()
    for name, kind, names, _ in table_rows("## Metrics", document=DOCS["observability.md"]):
        if names != "the same":
            labels = frozenset(re.findall(r"`(\w+)`", names))
        found.add((name.strip("`"), kind, labels))
    return found
