"""Paths find their routes."""

import pytest

from serving.api.requests import Request
from serving.api.responses import Response
from serving.api.routing import Match, Router
from serving.health import Monitor
from settings import Settings


async def endpoint(monitor: Monitor, settings: Settings, request: Request) -> Response:
    raise NotImplementedError


METHODS = {"GET": endpoint}
ROUTER = Router({"/a.b": METHODS, "/m/{model}": METHODS, "/m/{model}/v/{version}": METHODS})


@pytest.mark.parametrize(
    ("path", "route", "captured"),
    [
        ("/a.b", "/a.b", {}),
        ("/m/x", "/m/{model}", {"model": "x"}),
        ("/m/x:1/v/2-3", "/m/{model}/v/{version}", {"model": "x:1", "version": "2-3"}),
    ],
)
def test_a_path_finds_its_route(path: str, route: str, captured: dict[str, str]) -> None:
    assert ROUTER.find(path) == Match(route, METHODS, captured)


@pytest.mark.parametrize(
    "path", ["", "/", "/axb", "/m/", "/m//v/1", "/m/x/", "/m/x/v/1/2", "/a.b\n"]
)
def test_other_paths_have_none(path: str) -> None:
    assert ROUTER.find(path) is None
