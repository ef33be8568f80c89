"""Engines, which classify the parts of a run: this machine's processors, or a cluster.

An engine takes parts and gives their rows, in any order. It writes nothing: only the run saves rows
and knows what is done, so that a killed process loses work, but no saved row.
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Protocol

import pyarrow as pa

from batch.classification.model import Arrangement
from batch.classification.parts import Job, Part
from batch.errors import BatchError
from settings import Settings


class Engine(Protocol):
    """The interface of an engine."""

    @property
    def arrangements(self) -> Sequence[Arrangement]:
        """One for each of its processes; all have the same batch size."""

    def results(self, parts: Iterator[Part], job: Job) -> Iterator[tuple[Part, pa.Table]]:
        """Each part with its rows, as soon as they are done.

        A BatchError if a process cannot go on, or keeps ending.
        """

    def close(self) -> None:
        """End processes and connections."""


class EngineName(StrEnum):
    """Engines that can be asked for."""

    LOCAL = "local"
    RAY = "ray"


def engine_named(name: EngineName, settings: Settings, address: str | None) -> Engine:
    """Start an engine; a BatchError if a package is missing, or no cluster is at the address."""
    if name is EngineName.LOCAL:
        from batch.engines.local import LocalEngine

        return LocalEngine(settings)
    try:
        from batch.engines.ray_data import RayEngine
    except ModuleNotFoundError as error:
        raise BatchError(f"{error.name} is missing: pip install '.[ray]'") from error
    return RayEngine(settings, address)
