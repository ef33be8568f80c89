"""Sizes of the batches that our service ran, as its ``/metrics`` tell."""

from collections import Counter

import httpx
from prometheus_client.parser import text_string_to_metric_families

_NAME = "image_classifier_batch_size"


def runs(url: str) -> Counter[int]:
    """How often ``session.run`` was called since the start, by the upper bounds of the buckets."""
    return parse(httpx.get(f"{url}/metrics", trust_env=False).raise_for_status().text)


def parse(text: str) -> Counter[int]:
    """The buckets, each without those below it; what is over the last bound is left out."""
    bounds = {
        int(float(sample.labels["le"])): int(sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == f"{_NAME}_bucket" and sample.labels["le"] != "+Inf"
    }
    counts: Counter[int] = Counter()
    below = 0
    for bound in sorted(bounds):
        counts[bound] = bounds[bound] - below
        below = bounds[bound]
    return counts
