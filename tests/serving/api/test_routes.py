import asyncio
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from starlette.types import Message

from harness.toys import RED, encoded
from serving.api import routes
from serving.explanation.explainer import Explainer
from serving.parameters import Parameters
from serving.transport.front_door import FrontDoor
from settings import Settings
from tests.serving.asgi import bentoml_page, body, scope
from tests.serving.classifiers import monitor_of, with_explainer
from tests.support.gates import later

Ask = Callable[..., Any]


def asked_while_one_waits(folder: Any, path: str, query: str, *messages: Message) -> list[Message]:
    """What the front door answers while as many explanations wait as may.

    Args:
        folder: of a model.
        path: of the request.
        query: of it.
        messages: that the client sends before it waits for the answer.
    """
    settings = Settings(max_pending_explanations=1)

    async def ask(explainer: Explainer) -> list[Message]:
        monitor = monitor_of(explainer.classifier, explainer)
        table = {"/explain": {"POST": routes.explain}, "/classify": {"POST": routes.classify}}
        door = FrontDoor(bentoml_page, table, settings, lambda: monitor)
        waiting = asyncio.create_task(explainer.explain(encoded(RED), Parameters(1), later()))
        await asyncio.sleep(0)
        sent: list[Message] = []
        unread = list(messages)

        async def receive() -> Message:
            assert unread, "the body was asked for"
            return unread.pop(0)

        async def send(message: Message) -> None:
            sent.append(message)

        await door({**scope(path), "query_string": query.encode()}, receive, send)
        await waiting
        return sent

    found: list[Message] = with_explainer(folder, ask, max_pending_explanations=1)
    return found


@pytest.mark.parametrize(
    ("path", "query"), [("/explain", ""), ("/classify", "explain=true"), ("/explain", "top_k=1")]
)
def test_an_explanation_without_room_is_refused_before_its_body_is_read(
    path: str, query: str, mapped_folder: Any
) -> None:
    start, content = asked_while_one_waits(mapped_folder, path, query)
    assert start["status"] == 503
    assert (b"retry-after", b"1") in start["headers"]
    assert orjson.loads(content["body"])["error"] == {
        "code": "overloaded",
        "message": "1 explanations are waiting",
    }


@pytest.mark.parametrize("query", ["", "explain=false"])
def test_explanations_that_wait_keep_no_classification_waiting(
    query: str, mapped_folder: Any
) -> None:
    start, content = asked_while_one_waits(mapped_folder, "/classify", query, body(encoded(RED)))
    assert start["status"] == 200
    assert orjson.loads(content["body"])["label"] == "red"
