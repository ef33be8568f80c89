"""What the deployment's README says to watch can be watched."""

import re

import httpx
import promql_parser
import pytest

from inference.answers.drift import LEAST
from tests.support.documents import PROJECT, table_rows
from tests.support.toys import RED, encoded

README = (PROJECT / "deploy/README.md").read_text(encoding="utf-8")
QUERIES = [
    row[1].strip("`") for row in table_rows("## What to watch in production", document=README)
]


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_is_promql(query: str) -> None:
    promql_parser.parse(query)


@pytest.mark.slow
def test_queries_ask_for_metrics_that_there_are(served: httpx.Client) -> None:
    for _ in range(LEAST):  # or there is no drift to be shown
        assert served.post("/classify", content=encoded(RED)).status_code == 200
    shown = set(re.findall(r"^(\w+)[{ ]", served.get("/metrics").text, re.MULTILINE))
    asked = set(re.findall(r"\b(?:image_classifier|bentoml)_\w+", " ".join(QUERIES)))
    assert len(asked) >= 9
    assert {name for name in asked if "_gpu_" not in name} <= shown
