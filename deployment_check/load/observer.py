"""Watches ``/metrics`` and ``/readyz`` of a deployment under load."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp

from deployment_check.load.metrics import Look, Metrics

_PROBE_TIMEOUT = aiohttp.ClientTimeout(total=5.0)
"""A kubelet waits less: 1 s by default, three times."""

_WRITTEN_SECONDS = 1.5
"""A worker writes its metrics every second."""

_PATIENCE = 3.0  # seconds to wait until the metrics have all answered requests

HIDDEN = (401, 403, 404)
"""Statuses of a hidden page, as the proxy of deploy/nginx hides /metrics."""


@dataclass(frozen=True)
class Probe:
    """One request to ``/readyz``."""

    when: float  # seconds since the load test began
    seconds: float  # until the answer
    problem: str | None  # why it does not count as ready; None if it was ready


class Observer:
    """Asks for ``/metrics`` and ``/readyz`` every ``interval`` seconds."""

    def __init__(self, session: aiohttp.ClientSession, url: str, interval: float) -> None:
        self.looks: list[Look] = []  # at ``/metrics``
        self.probes: list[Probe] = []  # of ``/readyz``
        self.problems: list[str] = []  # why there was no look
        self.hidden = False  # whether ``/metrics`` is not shown to us
        self._session = session
        self._url = url
        self._interval = interval
        self._begun = 0.0

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Watch until the block ends; `now` counts from here."""
        self._begun = asyncio.get_running_loop().time()
        watchers = [asyncio.create_task(self._watch()), asyncio.create_task(self._probe())]
        try:
            yield
        finally:
            for watcher in watchers:
                watcher.cancel()
            await asyncio.gather(*watchers, return_exceptions=True)

    def now(self) -> float:
        """Seconds since the watch began."""
        return asyncio.get_running_loop().time() - self._begun

    async def settled(self) -> Look | None:
        """A look at ``/metrics`` of an idle deployment, after it has written them."""
        await asyncio.sleep(0 if self.hidden else _WRITTEN_SECONDS)
        return await self._look()

    async def counted(self, classified: int) -> Look | None:
        """A look in which at least so many requests are counted; after some patience, any look."""
        end = self.now() + _PATIENCE
        while (look := await self._look()) and look.classified < classified and look.when < end:
            await asyncio.sleep(self._interval)
        return look

    async def _look(self) -> Look | None:
        """Look at ``/metrics``; None if it is hidden, or the answer cannot be read."""
        when = self.now()
        if self.hidden:
            return None
        try:
            async with self._session.get(f"{self._url}/metrics") as response:
                self.hidden = response.status in HIDDEN
                return Look(when, Metrics(await _text(response)))
        except (TimeoutError, aiohttp.ClientError, ValueError) as error:
            self.problems.append(f"{type(error).__name__}: {error}")
            return None

    async def _watch(self) -> None:
        while not self.hidden:
            if look := await self._look():
                self.looks.append(look)
            await asyncio.sleep(self._interval)

    async def _probe(self) -> None:
        while True:
            when = self.now()
            problem = None
            try:
                async with self._session.get(
                    f"{self._url}/readyz", timeout=_PROBE_TIMEOUT
                ) as response:
                    await _text(response)
            except (TimeoutError, aiohttp.ClientError, ValueError) as error:
                problem = f"{type(error).__name__}: {error}"
            self.probes.append(Probe(when, self.now() - when, problem))
            await asyncio.sleep(self._interval)


async def _text(response: aiohttp.ClientResponse) -> str:
    text = await response.text()
    if response.status != 200:
        raise ValueError(f"{response.status} {text[:100]!r}")
    return text
