from http import HTTPStatus

from prometheus_client import REGISTRY

from serving.metrics.requests import begin, end, write


def sample(name: str, **labels: str) -> float | None:
    """Of all series with these labels, whatever their others."""
    found = [
        sample.value
        for metric in REGISTRY.collect()
        for sample in metric.samples
        if sample.name == f"bentoml_service_request_{name}"
        and {key: sample.labels.get(key) for key in labels} == labels
    ]
    return sum(found) if found else None


def test_a_request_is_in_progress_until_it_is_counted_with_its_status() -> None:
    begin("/counted")
    begin("/counted")
    write()
    assert sample("in_progress", endpoint="/counted") == 2
    end("/counted", HTTPStatus.SERVICE_UNAVAILABLE, 0.02)
    end("/counted", 200, 0.5)
    assert sample("total", endpoint="/counted") == 0
    write()
    assert sample("in_progress", endpoint="/counted") == 0
    for status, seconds in (("503", 0.02), ("200", 0.5)):
        labels = {"endpoint": "/counted", "http_response_code": status}
        assert sample("total", **labels) == 1
        assert sample("duration_seconds_sum", **labels) == seconds


def test_whether_a_status_has_a_name_makes_no_difference() -> None:
    for status in (HTTPStatus.NOT_FOUND, 404):
        begin("/named")
        end("/named", status, 0.0)
    write()
    assert sample("total", endpoint="/named", http_response_code="404") == 2
