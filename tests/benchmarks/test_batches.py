from collections import Counter

from benchmarks import batches
from benchmarks.batching import LARGE, SINGLY, report
from benchmarks.results import Results
from benchmarks.toys import SUBLINEAR
from tests.benchmarks.samples import OURS, PEER, results, window

METRICS = """\
# HELP image_classifier_batch_size Images in one session.run
# TYPE image_classifier_batch_size histogram
image_classifier_batch_size_bucket{le="1.0"} 3.0
image_classifier_batch_size_bucket{le="2.0"} 3.0
image_classifier_batch_size_bucket{le="4.0"} 8.0
image_classifier_batch_size_bucket{le="+Inf"} 8.0
image_classifier_batch_size_sum 20.0
# HELP other Something else
# TYPE other histogram
other_bucket{le="1.0"} 9.0
"""

REPORT = """\
The ideal, batches of 4 without a server: 125.0 images/s.

| clients |  | images/s | % of the ideal | p99, ms | failed | batches |
| --- | ---: | ---: | ---: | ---: | ---: | ---: |
| 16 | default settings | – | – | – | 0 of 0 |  |
| 16 | batches up to 64 | 100.0 (100.0–100.0) | 80 (80–80) | 20.0 (20.0–20.0) | 0 of 400 | \
2 of ≤ 1, 5 of ≤ 4 |
| 16 | no batching | 50.0 (50.0–50.0) | 40 (40–40) | 80.0 (80.0–80.0) | 0 of 100 |  |

| p99 ÷ that without batching | 16 clients |
| --- | ---: |
| default settings | – |
| batches up to 64 | 0.25 (0.25–0.25) |"""


def test_buckets_are_told_apart() -> None:
    assert batches.parse(METRICS) == Counter({1: 3, 2: 0, 4: 5})
    assert batches.parse("") == Counter()


def test_report() -> None:
    given = results().model_dump()
    windows = [
        window(LARGE, 1, model=SUBLINEAR, batches={1: 2, 4: 2}, **OURS),
        window(LARGE, 2, model=SUBLINEAR, batches={4: 3}, **OURS),
        window(SINGLY, 1, model=SUBLINEAR, **PEER),
    ]
    assert report(Results.model_validate({**given, "windows": windows})) == REPORT
