from benchmarks.report import tables
from benchmarks.report.results import Results
from tests.benchmarks.report.samples import results

CONDITIONS = (
    "P, 2 CPUs, 8 GB, S, Python 3.10.0; 40 photographs of 107 KB; medians of "
    "3 × 2 s windows or longer, 2026-01-01T00:00+00:00. "
    "Other processes and the host used 25 % of the machine meanwhile. "
    "**Too much for figures to count: measure again on a quiet machine.**"
)

SUMMARY = f"""\
{tables.INTRODUCTION}

At 16 clients; the limit: toy 125 images/s, 2.00 ms CPU.

| stack | toy: images/s, % of the limit | toy: CPU × limit | toy: p99, ms | failed | memory, MB | \
ready, s |
| --- | ---: | ---: | ---: | ---: | ---: | ---: |
| ours | 80 | 1.25 | 20 | 3 of 603 | 5 | 2.0 |
| peer | 40 | 2.50 | 80 | 0 of 300 | 1 | 2.0 |
| gone | – | – | – | not / installed | – | – |

{CONDITIONS}"""

DETAILS = f"""\
{tables.INTRODUCTION}

{CONDITIONS}

### toy

The bare limit, in batches of 4: 125.0 (125.0–125.0) images/s, 2.00 (2.00–2.00) ms CPU an image.

**16 clients**

| stack | images/s | % of the limit | p50, ms | p99, ms | CPU ms | CPU × limit | failed | \
generator CPU ms |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| ours | 100.0 (80.0–120.0) | 80 (64–96) | 10.0 (10.0–10.0) | 20.0 (10.0–30.0) | \
2.50 (2.08–3.12) | 1.25 (1.04–1.56) | 3 of 603 | 0.50 |
| peer | 50.0 (50.0–50.0) | 40 (40–40) | 20.0 (20.0–20.0) | 80.0 (80.0–80.0) | \
5.00 (5.00–5.00) | 2.50 (2.50–2.50) | 0 of 300 | 1.00 |
| gone | – | – | – | – | – | – | 0 of 0 | – |

| stack | ready, s | memory (PSS), MB | memory (peak RSS), MB | absent because |
| --- | ---: | ---: | ---: | ---: |
| ours | 2.0 (1.0–3.0) | 5 | 4 | – |
| peer | 2.0 (1.0–3.0) | 1 | 4 | – |
| gone | – | – | – | not / installed |

| ours ÷ | images/s at 16 clients | p50 | p99 | CPU |
| --- | ---: | ---: | ---: | ---: |
| peer | 2.00 | 0.50 | 0.25 | 0.50 |
| gone | – | – | – | – |

| stack | versions |
| --- | ---: |
| ours | bentoml 1.4.39 |
| peer | mosec 0.9 |
| gone | – |"""


def test_summary() -> None:
    assert tables.summary(results()) == SUMMARY


def test_details() -> None:
    assert tables.details(results()) == DETAILS


def test_a_stack_with_a_model_of_its_own_is_compared_with_its_own_limit() -> None:
    content = results().model_dump()
    for window in content["windows"][3:]:  # the peer's
        window["own_limit"] = {**window["limit"], "cpu_ms": window["limit"]["cpu_ms"] / 2}
    found = Results.model_validate(content)
    peer = found.windows[3]
    assert peer.own_cost == 2 * peer.cost
    assert "| CPU × limit | CPU × own limit | failed |" in tables.details(found)


def test_a_quiet_machine_is_not_complained_about() -> None:
    content = results().model_dump()
    for window in content["windows"]:
        window["other_cpu_seconds"] = 0.4
    shown = tables.summary(Results.model_validate(content))
    assert shown.endswith("Other processes and the host used 10 % of the machine meanwhile.")


def test_the_details_of_a_model_show_only_the_stacks_that_were_to_serve_it() -> None:
    other = results().model_copy(update={"versions": {"ours": {}, "elsewhere": {}}})
    assert "| elsewhere | – |" in tables.details(other)  # its versions
    assert tables.details(other).count("| elsewhere |") == 1
