"""What classifies the parts of a run: the processors of this machine, or a cluster.

Each engine takes parts and gives their rows, in any order. It writes nothing: so what counts as
done is decided in one place, and killing whatever works loses work, never rows.
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
    """What every engine can."""

    @property
    def arrangements(self) -> Sequence[Arrangement]:
        """Of its processes, one for each; all have the same batch size."""

    def results(self, parts: Iterator[Part], job: Job) -> Iterator[tuple[Part, pa.Table]]:
        """Each part with its rows, as they get done.

        A BatchError if a process cannot go on, or ends again and again.
        """

    def close(self) -> None:
        """End what was started."""


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
