"""Results whose medians and ratios can be worked out by hand."""

from benchmarks.report.results import Absence, LimitWindow, Machine, Results, Window

LIMIT = LimitWindow(batch_size=4, images_per_second=125.0, cpu_ms=2.0)

OURS = {"requests": 200, "cpu_seconds": 0.5, "p50_ms": 10.0, "p99_ms": 20.0, "pss_bytes": 3 * 10**6}
"""100 requests/s, 0.8 of the limit; 2.5 ms CPU, 1.25 × the limit."""

PEER = {"requests": 100, "cpu_seconds": 0.5, "p50_ms": 20.0, "p99_ms": 80.0, "pss_bytes": 10**6}
"""50 requests/s, 0.4 of the limit; 5 ms CPU, 2.5 × the limit."""


def window(stack: str, number: int, **values: object) -> Window:
    """Two seconds of a stack with 16 clients."""
    content = {
        "model": "toy",
        "stack": stack,
        "round": number,
        "clients": 16,
        "ready_seconds": number,
        "seconds": 2.0,
        "failures": 0,
        "generator_cpu_seconds": 0.1,
        "other_cpu_seconds": 1.0,
        "rss_bytes": 4 * 10**6,
        "limit": LIMIT,
        **values,
    }
    return Window.model_validate(content)


def results() -> Results:
    """Three rounds of two stacks, and one that is absent."""
    return Results(
        date="2026-01-01T00:00+00:00",
        machine=Machine(processor="P", cpus=2, memory_gb=8.0, system="S", python="3.10.0"),
        photographs="40 photographs of 107 KB",
        seconds=2,
        versions={"ours": {"bentoml": "1.4.39"}, "peer": {"mosec": "0.9"}, "gone": {}},
        windows=(
            window("ours", 1, **OURS),
            window("ours", 2, **{**OURS, "requests": 240, "p99_ms": 30.0, "failures": 3}),
            window("ours", 3, **{**OURS, "requests": 160, "p99_ms": 10.0, "pss_bytes": 5 * 10**6}),
            window("peer", 1, **PEER),
            window("peer", 2, **PEER),
            window("peer", 3, **PEER),
        ),
        absences=(Absence(model="toy", stack="gone", reason="not | installed"),),
    )
