"""Sends the load. By aiohttp, whose requests cost this process a third of httpx's."""

import itertools
from collections.abc import Sequence

import aiohttp

from deployment_check.deployment import TIMEOUT, authorization
from deployment_check.options import MAX_CONCURRENCY, Options
from load_generator.known_images import Known, Outcome, judged


class Sender:
    """Sends images in turn to ``/classify``, over connections that are kept."""

    def __init__(self, session: aiohttp.ClientSession, url: str, images: Sequence[Known]) -> None:
        self._session = session
        self._url = f"{url}/classify"
        self._images = itertools.cycle(images)

    async def send(self) -> tuple[Outcome, str]:
        known = next(self._images)
        try:
            async with self._session.post(self._url, data=known.image) as response:
                return judged(response.status, await response.read(), known)
        except (TimeoutError, aiohttp.ClientError) as error:
            return Outcome.LOST, f"{type(error).__name__}: {error}"


def session(options: Options) -> aiohttp.ClientSession:
    """A session whose requests carry the API key; must be made in a running event loop."""
    return aiohttp.ClientSession(
        headers=authorization(options.api_key),
        timeout=aiohttp.ClientTimeout(total=TIMEOUT),
        # Those of the loops, and one each for /metrics and /readyz.
        connector=aiohttp.TCPConnector(limit=MAX_CONCURRENCY + 2),
        trust_env=not options.is_loopback,
    )
