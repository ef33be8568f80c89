"""The engine of a cluster: Ray Data, on this machine or at an address.

Each actor holds a session and makes the rows of parts. Ray replaces an actor that dies and gives
its part to another one. The rows come back to the command, which saves them: the nodes need access
to the photographs only.
"""

import asyncio
import dataclasses
import logging
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import ray
import ray.data

from batch.classification.parts import Job, Part, PartClassifier
from batch.engines.plan import plan
from batch.errors import BatchError
from settings import Settings

_PARTS_AT_ONCE = 4096
"""In one data set: so much of the list is in memory, and is listed before the first row."""

_PROJECT = Path(__file__).parents[2]
_NOT_SENT = ["/.*", "/build", "/tests", "/harness", "/weights/checkpoints", "/docs", "/benchmarks"]
"""Of the project, to the nodes of a cluster."""

Files = dict[str, bytes]


class RayEngine:
    """Classifies with the processors, or the GPUs, of a Ray cluster.

    The address is as ``ray.init`` takes it; without one, a cluster is started on this machine. A
    BatchError if there is no cluster at the address.
    """

    def __init__(self, settings: Settings, address: str | None) -> None:
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        if address:
            sent = {"working_dir": str(_PROJECT), "excludes": _NOT_SENT}
            options |= {"address": address, "runtime_env": sent}
        try:
            ray.init(**options)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise BatchError(f"no Ray at {address or 'this machine'}: {error}") from error
        # The command has a progress bar of its own.
        ray.data.DataContext.get_current().enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        gpus = 0 if settings.device.on_cpu else int(resources.get("GPU", 0))
        self.arrangements = plan(settings, max(1, int(resources.get("CPU", 1))), gpus)

    def results(self, parts: Iterator[Part], job: Job) -> Iterator[tuple[Part, pa.Table]]:
        """Each part with its rows, as soon as they are done."""
        # Ray shows each actor its own GPU only.
        arrangement = self.arrangements[0]
        if arrangement.device_id is not None:
            arrangement = arrangement._replace(device_id=0)
        job = dataclasses.replace(job, arrangement=arrangement)
        files = ray.put({path.name: path.read_bytes() for path in job.folder.iterdir()})
        while some := {part.number: part for part in islice(parts, _PARTS_AT_ONCE)}:
            for number, rows in _rows_of(list(some.values()), job, files, len(self.arrangements)):
                yield some[number], rows

    def close(self) -> None:
        """Leave the cluster, or end it if it was started here."""
        ray.shutdown()


class _Actor:
    """Holds a model and makes the rows of one part after the other."""

    def __init__(self, job: Job, files: Any) -> None:
        if not job.folder.is_dir():
            job = dataclasses.replace(job, folder=_placed(job, ray.get(files)))
        self._loop = asyncio.new_event_loop()
        self._classifier = self._loop.run_until_complete(_loaded(job))

    def __call__(self, part: dict[str, Any]) -> dict[str, Any]:
        made = self._classifier.rows_of(Part(part["number"], list(part["entries"])))
        rows = self._loop.run_until_complete(made)
        buffer = pa.BufferOutputStream()
        with pa.ipc.new_stream(buffer, rows.schema) as stream:
            stream.write_table(rows)
        return {"number": part["number"], "rows": buffer.getvalue().to_pybytes()}


async def _loaded(job: Job) -> PartClassifier:
    return PartClassifier(job)


def _placed(job: Job, files: Files) -> Path:
    """The model's files in a folder of a node that does not have the model."""
    folder = Path(tempfile.mkdtemp()) / job.folder.name
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def _rows_of(
    parts: list[Part], job: Job, files: Any, actors: int
) -> Iterator[tuple[int, pa.Table]]:
    arrangement = job.arrangement
    data = ray.data.from_items(
        [part._asdict() for part in parts], override_num_blocks=len(parts)
    ).map(
        _Actor,  # type: ignore[arg-type]  # a class is called once for each actor
        fn_constructor_args=(job, [files]),
        compute=ray.data.ActorPoolStrategy(size=min(actors, len(parts))),
        num_cpus=arrangement.decode_threads or arrangement.session_threads,
        num_gpus=0 if arrangement.device_id is None else 1,
    )
    try:
        for row in data.iter_rows():
            yield int(row["number"]), pa.ipc.open_stream(row["rows"]).read_all()
    except ray.exceptions.RayError as error:
        lines = str(error).strip().splitlines()
        raise BatchError(f"Ray gave up: {lines[-1]}") from error
