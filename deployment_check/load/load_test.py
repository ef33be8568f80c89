"""The load test: one client, many clients, then arrivals at random, watched all the while."""

import contextlib
import itertools
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import aiohttp

from deployment_check.checks import Failed
from deployment_check.deployment import TIMEOUT, Deployment, authorization
from deployment_check.load.metrics import Look
from deployment_check.load.observer import Observer, Probe
from deployment_check.options import MAX_CONCURRENCY, MAX_RATE, Options
from load_generator.arrivals import poisson
from load_generator.known_images import TEST_IMAGES, TOLERANCE, Known, Outcome, judged
from load_generator.latency import Latency
from load_generator.loops import Exchange, closed_loop, open_loop

SHARE_OF_CAPACITY = 0.6
"""Of the closed loop's throughput, for the open loop: busy, and far from overload."""

BUSY = 0.8
"""Processors that this process uses, of one that it can use: from here on it may be the limit."""

_ALONE_SECONDS = 3.0
_WARM_UP_SHARE = 0.1
_MAX_IMAGES = 200
_SUFFIXES = {".avif", ".jpeg", ".jpg", ".png", ".webp"}
_LOOKS = 20  # in each loop, if that is not more often than every `_LEAST_INTERVAL` seconds
_LEAST_INTERVAL = 0.25

Announce = Callable[[str, float], AbstractContextManager[object]]
"""Announces a loop: its name and how many seconds it takes."""


@dataclass(frozen=True)
class Phase:
    """One loop."""

    name: str  # for people
    begin: float  # seconds since the load test began
    seconds: float  # for which requests were sent
    exchanges: Sequence[Exchange]
    own_cores: float  # processors that this process used meanwhile
    rate: float | None = None  # arrivals a second that were meant; None in a closed loop
    looks: tuple[Look, Look] | None = None  # before and after the loop, both complete

    @property
    def latency(self) -> Latency:
        """Of all requests that were answered right; there must be one."""
        return Latency.of([each.latency for each in self.of(Outcome.RIGHT)])

    @property
    def end(self) -> float:
        """When all was answered, in seconds since the load test began."""
        last = max((each.finished for each in self.exchanges), default=0.0)
        return self.begin + max(last, self.seconds)

    @property
    def throughput(self) -> float:
        """Right answers a second, until the last one came."""
        return len(self.of(Outcome.RIGHT)) / (self.end - self.begin)

    def of(self, outcome: Outcome) -> list[Exchange]:
        """The requests with this outcome."""
        return [each for each in self.exchanges if each.outcome is outcome]

    def counts(self) -> dict[str, int]:
        """Number of requests by outcome."""
        found = Counter(each.outcome for each in self.exchanges)
        return {outcome.value: found[outcome] for outcome in Outcome}


@dataclass(frozen=True)
class LoadTest:
    """What a load test found."""

    phases: Sequence[Phase] = ()  # in the order in which they were
    looks: Sequence[Look] = ()
    problems: Sequence[str] = ()  # why there was no look
    probes: Sequence[Probe] = ()
    hidden: bool = False  # whether ``/metrics`` is not shown to us
    images: Sequence[bytes] = ()  # that were sent

    @property
    def doubt(self) -> str | None:
        """Why the deployment may be faster than the figures; None if nothing suggests that."""
        busiest = max((phase.own_cores for phase in self.phases), default=0.0)
        if busiest < BUSY:
            return None
        return (
            f"The client was busy for {busiest:.0%} of the time: "
            "the deployment may be able to do more."
        )


def learn(deployment: Deployment) -> list[Known]:
    """The images to send, with the answer that the deployment gives to each one alone."""
    folder = deployment.options.photographs or TEST_IMAGES
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES)
    known: list[Known] = []
    for path in files[:_MAX_IMAGES]:
        image = path.read_bytes()
        with contextlib.suppress(Failed):
            answer = deployment.classify(image)
            known.append(Known(image, answer["label"], answer["confidence"], TOLERANCE))
    if not known:
        raise Failed(f"no image of {folder} gets an answer")
    return known


class Sender:
    """Sends images in turn to ``/classify``, over keep-alive connections.

    It uses aiohttp: a request costs this process a third of what httpx takes.
    """

    def __init__(self, session: aiohttp.ClientSession, url: str, images: Sequence[Known]) -> None:
        self._session = session
        self._url = f"{url}/classify"
        self._images = itertools.cycle(images)

    async def send(self) -> tuple[Outcome, str]:
        """Send the next image and judge the answer."""
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
        # The loops' connections, and one each for /metrics and /readyz.
        connector=aiohttp.TCPConnector(limit=MAX_CONCURRENCY + 2),
        trust_env=not options.is_loopback,
    )


async def load(options: Options, images: Sequence[Known], announce: Announce) -> LoadTest:
    """Make the load test."""
    async with session(options) as opened:
        seen = Observer(opened, options.url, max(_LEAST_INTERVAL, options.seconds / _LOOKS))
        loops = _Loops(options, Sender(opened, options.url, images), seen, announce)
        warm_up = options.seconds * _WARM_UP_SHARE
        with announce("warm-up", warm_up):
            await closed_loop(loops.sender.send, options.concurrency, warm_up)
        async with seen.watching():
            alone = await loops.closed(1, min(_ALONE_SECONDS, options.seconds))
            together = await loops.closed(options.concurrency, options.seconds)
            derived = together.throughput * SHARE_OF_CAPACITY
            random = await loops.open(options.rate or min(MAX_RATE, derived), options.seconds)
        phases, sent = (alone, together, random), [known.image for known in images]
        return LoadTest(phases, seen.looks, seen.problems, seen.probes, seen.hidden, sent)


@dataclass(frozen=True)
class _Loops:
    options: Options
    sender: Sender
    observer: Observer
    announce: Announce

    async def closed(self, clients: int, seconds: float) -> Phase:
        name = "1 client" if clients == 1 else f"{clients} clients"
        return await self._phase(name, seconds, closed_loop(self.sender.send, clients, seconds))

    async def open(self, rate: float, seconds: float) -> Phase:
        schedule = poisson(rate, seconds) if rate else []
        exchanges = open_loop(self.sender.send, schedule, MAX_CONCURRENCY)
        return await self._phase(f"{rate:.0f} arrivals/s", seconds, exchanges, rate)

    async def _phase(
        self, name: str, seconds: float, loop: Awaitable[list[Exchange]], rate: float | None = None
    ) -> Phase:
        before = await self.observer.settled()
        begin, used = self.observer.now(), time.process_time()
        with self.announce(name, seconds):
            made = await loop
        own_cores = (time.process_time() - used) / max(seconds, self.observer.now() - begin)
        right = sum(each.outcome is Outcome.RIGHT for each in made)
        after = before and await self.observer.counted(before.classified + right)
        looks = (before, after) if before and after else None
        return Phase(name, begin, seconds, made, own_cores, rate, looks)
