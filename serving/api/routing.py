"""Which route a path belongs to."""

import re
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from serving.api.requests import Request
from serving.api.responses import Response
from serving.health import Monitor
from settings import Settings

Endpoint = Callable[[Monitor, Settings, Request], Awaitable[Response]]

Routes = Mapping[str, Mapping[str, Endpoint]]
"""Endpoint by path and method. A part ``{name}`` of a path matches any one part."""

_NOTHING: Mapping[str, str] = MappingProxyType({})

_PARAMETER = re.compile(r"\\{(\w+)\\}")


class Match(NamedTuple):
    """The route of a path.

    Attributes:
        route: as in the table of routes, in metrics and in logs.
        methods: endpoint by method.
        captured: the part of the path for each ``{name}``.
    """

    route: str
    methods: Mapping[str, Endpoint]
    captured: Mapping[str, str]


class Router:
    """Finds routes."""

    def __init__(self, routes: Routes) -> None:
        self._exact = {
            path: Match(path, methods, _NOTHING)
            for path, methods in routes.items()
            if "{" not in path
        }
        self._patterns = [
            (_pattern(path), path, methods) for path, methods in routes.items() if "{" in path
        ]

    def find(self, path: str) -> Match | None:
        """The route of a path; None if there is none."""
        exact = self._exact.get(path)
        if exact is not None:
            return exact
        for pattern, route, methods in self._patterns:
            if found := pattern.fullmatch(path):
                return Match(route, methods, found.groupdict())
        return None


def _pattern(route: str) -> re.Pattern[str]:
    return re.compile(_PARAMETER.sub(r"(?P<\1>[^/]+)", re.escape(route)))
