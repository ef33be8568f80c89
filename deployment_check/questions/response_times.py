"""How long one request takes, one after another."""

import time
from collections.abc import Mapping

from deployment_check.checks import Check, Failed
from deployment_check.deployment import Deployment
from deployment_check.questions.images import photograph
from load_generator.latency import Latency

REQUESTS = 20


def is_true(deployment: Deployment) -> str:
    """No answer claims to have taken longer than the client waited."""
    times = [_timed(deployment) for _ in range(REQUESTS)]
    for waited, claimed in times:
        if not 0 < claimed <= waited:
            raise Failed(f"processing_time is {claimed} s, but the client waited {waited:.6f} s")
    return Latency.of([waited for waited, _ in times]).text()


def _timed(deployment: Deployment) -> tuple[float, float]:
    """Seconds that a request took, and the ``processing_time`` that its answer claims."""
    started = time.perf_counter()
    claimed = deployment.classify(photograph())["processing_time"]
    return time.perf_counter() - started, claimed


CHECKS: Mapping[str, Check] = {f"{REQUESTS} requests, one after another": is_true}
