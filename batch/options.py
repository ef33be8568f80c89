"""The options of a run, and those of them that its rows depend on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from batch.classification.model import Arrangement
from batch.classification.parts import Job
from batch.engines import EngineName
from batch.errors import BatchError
from batch.photographs.inputs import is_url, source_of
from batch.rows.run_folder import Identity
from errors import StartupError
from model_spec import MODEL_NAME, ONNX_FILE, SPEC_FILE, ModelSpec
from serving.parameters import DEFAULT_TOP_K
from serving.workers.model_store import stored_model
from settings import Device, Settings

PART_SIZE = 512
"""Photographs in a part: some seconds of work, which a process loses in a crash. The first parts
are smaller (``batch.photographs.listing``)."""

_FORMAT = 2  # of rows and parts; an unfinished run of another format cannot go on

_LIMITS = (
    *("max_body_bytes", "max_pixels", "max_aspect_ratio"),
    *("decode_cpu_ms", "decode_memory_bytes", "scaled_decode"),
)
"""Settings that rows depend on."""


class Shard(NamedTuple):
    """The parts whose number, modulo ``shards``, is ``number``."""

    number: int
    shards: int


@dataclass(frozen=True)
class Options:
    """The options of a run."""

    given: str  # folder, pattern, list or URL
    output: Path  # file; its suffix says the format
    model: str | None = None  # a tag, or a folder with a model's files; None: the settings'
    column: str | None = None  # of a Parquet file
    top_k: int = DEFAULT_TOP_K  # predictions in a row
    embedding: bool = False  # whether a row has one
    threshold: float | None = None  # least confidence of a decision; None: the model's own, if any
    part_size: int = PART_SIZE  # photographs in a part
    restart: bool = False  # forget an unfinished run, and replace the output
    shard: Shard | None = None  # do only these parts, and write no output; None: all
    engine: EngineName = EngineName.LOCAL
    address: str | None = None  # of a cluster
    contact_sheet: Path | None = None  # page to write; None: none
    labels: Path | None = None  # table of the classes that the photographs show, for the page


def job_of(options: Options, settings: Settings, arrangement: Arrangement) -> Job:
    """The job of a run.

    A BatchError if there is no such input, or the model has no embeddings; a StartupError if there
    is no such model.
    """
    tag, folder = _model(options.model or settings.model or f"{MODEL_NAME}:latest")
    spec = ModelSpec.load(folder)
    if options.embedding and spec.embedding is None:
        raise BatchError(f"{tag} has no embeddings: its network does not end with a linear layer")
    source, top_k = source_of(options.given, options.column), min(options.top_k, len(spec.labels))
    return Job(
        source, tag, folder, settings, top_k, options.embedding, arrangement, options.threshold
    )


def identity_of(options: Options, job: Job) -> Identity:
    """What the rows depend on."""
    device = job.settings.device
    if device is Device.AUTO:
        device = Device.CPU if job.arrangement.device_id is None else Device.CUDA
    given = job.source.given
    limits: dict[str, Any] = {name: getattr(job.settings, name) for name in _LIMITS}
    return {
        "format": _FORMAT,
        "input": given if is_url(given) else str(Path(given).absolute()),
        "column": job.source.column,
        "model": job.tag,
        "model_sha256": ModelSpec.load(job.folder).files[ONNX_FILE],
        "device": device.value,
        "batch_size": job.arrangement.batch_size,
        "top_k": job.top_k,
        "embedding": job.embedding,
        "threshold": job.threshold,
        "part_size": options.part_size,
        **limits,
    }


def _model(given: str) -> tuple[str, Path]:
    if (Path(given) / SPEC_FILE).is_file():
        folder = Path(given).absolute()
        return f"{folder.parent.name}:{folder.name}", folder
    if "/" in given:
        raise StartupError(f"{given} is no model's folder: it has no {SPEC_FILE}")
    model = stored_model(given)
    return str(model.tag), Path(model.path)
