"""The hostile corpus, sent to a server: exactly the expected answers, and the next one right.

What each case takes is measured by `make hostile`.
"""

from collections.abc import Iterator

import httpx
import pytest

from harness.servers import Server, running, toy_home
from hostile.corpus import CONCURRENT, ask, ask_for_good, ask_for_urls, corpus
from hostile.requests.expected import RED

pytestmark = pytest.mark.slow

CORPUS = corpus()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One worker with default limits."""
    folder = tmp_path_factory.mktemp("hostile")
    with running(toy_home(folder), folder, {"CLASSIFIER_WORKERS": "1"}) as server:
        yield server


@pytest.mark.parametrize("name", CORPUS)
@pytest.mark.filterwarnings("ignore::UserWarning")  # of the files that are decoded here, too
def test_a_hostile_request_gets_its_answer_and_the_next_request_works(
    server: Server, name: str
) -> None:
    with httpx.Client(base_url=server.url, timeout=60, trust_env=False) as client:
        for number, call in enumerate(CORPUS[name]()):
            assert (number, ask(client, call)) == (number, call.expected)
            assert ask_for_good(client) == RED


def test_urls_are_not_fetched_however_many_come_at_once(server: Server) -> None:
    pytest.importorskip("uvloop")
    expected, seen, connections = ask_for_urls(server.url)
    assert len(seen) == CONCURRENT
    assert seen == expected
    assert connections == 0


def test_the_log_has_no_errors(server: Server) -> None:
    assert "Traceback" not in server.log
    assert "ERROR" not in server.log
