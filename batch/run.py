"""A whole run: list the photographs, classify what is not done yet, write the output."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain

from batch.classification.parts import Job, Part
from batch.contact_sheet.labels import labels_in
from batch.contact_sheet.sheet import ContactSheet
from batch.engines import Engine, engine_named
from batch.errors import BatchError
from batch.files import check_writable
from batch.options import Options, Shard, identity_of, job_of
from batch.photographs.listing import Listing
from batch.progress import RunProgress
from batch.rows.output import write, writer_for
from batch.rows.run_folder import RunFolder
from settings import Settings

_ALL = Shard(0, 1)


@dataclass(frozen=True)
class Outcome:
    """The result of a run."""

    photographs: int
    by_code: Counter[str | None]  # number of rows by error code; None: classified


def run(options: Options, settings: Settings) -> Outcome | None:
    """Start a run, or finish an unfinished one.

    Returns None if only a shard was to be done, which writes no output. A BatchError if the run
    cannot be done or another one is unfinished, a StartupError if the model cannot be loaded, an
    OSError if the output or a part cannot be written.
    """
    writer_for(options.output)
    _check_files(options)
    with closing(engine_named(options.engine, settings, options.address)) as engine:
        job = job_of(options, settings, engine.arrangements[0])
        folder = RunFolder(options.output, identity_of(options, job), restart=options.restart)
        with closing(Listing(job.source, folder, options.part_size)) as listing:
            _classify(engine, job, listing, folder, options.shard or _ALL)
            return None if options.shard else _put_together(listing, folder, options, job)


def _check_files(options: Options) -> None:
    """Find out before the work whether files can be written and read."""
    try:
        for file in filter(None, (options.output, options.contact_sheet)):
            check_writable(file)
    except OSError as error:
        raise BatchError(str(error)) from error
    if options.labels:
        labels_in(options.labels)


def _classify(engine: Engine, job: Job, listing: Listing, folder: RunFolder, shard: Shard) -> None:
    with RunProgress(lambda: _share(listing.total, shard)) as progress:
        parts = _not_done(listing, folder, shard, progress)
        # Without anything to do, nothing is started.
        for first in parts:
            for part, rows in engine.results(chain([first], parts), job):
                folder.save(part.number, rows)
                errors = rows.num_rows - rows.column("error_code").null_count
                progress.advance(len(part.entries), errors)


def _not_done(
    listing: Listing, folder: RunFolder, shard: Shard, progress: RunProgress
) -> Iterator[Part]:
    """The parts of a shard that no earlier run has done."""
    done, was_complete = folder.done(), listing.is_complete
    for part in listing.parts():
        if part.number % shard.shards != shard.number:
            continue
        if part.number not in done:
            yield part
            continue
        if not was_complete:
            folder.rows_of(part.number, part.entries)
        progress.resume(len(part.entries))


def _put_together(listing: Listing, folder: RunFolder, options: Options, job: Job) -> Outcome:
    if not listing.total:
        folder.remove()
        raise BatchError(f"{options.given} has no photographs")
    parts = ((part, folder.rows_of(part.number, part.entries)) for part in listing.parts())
    if options.contact_sheet is None:
        by_code = write((rows for _, rows in parts), options.output)
    else:
        sheet = ContactSheet(job, listing.entries(), options.labels)
        by_code = write(sheet.seen(parts), options.output)
        sheet.write(options.contact_sheet)
    folder.remove()
    return Outcome(listing.total, by_code)


def _share(total: int | None, shard: Shard) -> int | None:
    return None if total is None else -(-total // shard.shards)
