"""The folder of an unfinished run, beside its output, from which the same command goes on::

predictions.parquet.unfinished/
  run.json          the identity of the run: input, model, settings
  inputs.jsonl      every photograph, once the listing is complete
  000000000.parquet rows of the first part; each file is written atomically
"""

import filecmp
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from batch.errors import BatchError
from batch.files import sync_folder, write_whole
from batch.rows.row import printable

_SUFFIX, _FINISHED = ".unfinished", ".finished"
_RUN, _INPUTS = "run.json", "inputs.jsonl"
_PART = "{:09d}.parquet"

Identity = Mapping[str, Any]  # what a run's rows depend on, by name; JSON can hold it


class RunFolder:
    """The folder of an unfinished run, made if it does not exist; ``restart`` forgets the run.

    A BatchError if the folder is of another run, or the output exists; an OSError if the folder
    cannot be written.
    """

    def __init__(self, output: Path, identity: Identity, *, restart: bool = False) -> None:
        self._output = output
        self.path = output.with_name(output.name + _SUFFIX)
        self.inputs = self.path / _INPUTS  # there when the list is complete
        self._finished = output.with_name(output.name + _FINISHED)
        shutil.rmtree(self._finished, ignore_errors=True)
        if restart and self.path.exists():
            self.remove()
        if output.exists() and not (restart or self.path.exists()):
            raise BatchError(f"{output} is there already; --restart replaces it")
        self.path.mkdir(exist_ok=True)
        sync_folder(output.parent)
        self._claim(identity)

    def _claim(self, identity: Identity) -> None:
        run = self.path / _RUN
        if not run.exists():
            text = json.dumps(identity, indent=2, ensure_ascii=False) + "\n"
            write_whole(run, lambda file: file.write(text.encode()))
        found = json.loads(run.read_text(encoding="utf-8"))
        different = [
            f"{name.replace('_', ' ')} was {found.get(name)}, is {identity.get(name)}"
            for name in sorted({*found, *identity})
            if found.get(name) != identity.get(name)
        ]
        if different:
            raise BatchError(
                f"{self.path} has an unfinished run of another kind ({'; '.join(different)}): "
                "finish that one, choose another --output, or forget it with --restart"
            )

    def done(self) -> set[int]:
        """Numbers of the parts that are done."""
        return {int(path.stem) for path in self.path.glob("[0-9]*.parquet")}

    def save(self, number: int, rows: pa.Table) -> None:
        """Save the rows of a part: from now on it is done."""
        write_whole(self._part(number), lambda file: pq.write_table(rows, file))

    def rows_of(self, number: int, entries: Iterable[str]) -> pa.Table:
        """The rows of a part that is done; a BatchError if they are damaged or of other entries."""
        path = self._part(number)
        try:
            rows = pq.read_table(path)
        except (OSError, pa.ArrowException) as error:
            raise BatchError(f"{path} is damaged; delete it and run again: {error}") from error
        if rows.column("path").to_pylist() != list(map(printable, entries)):
            raise BatchError(
                f"the input has changed since the run in {self.path} was begun; "
                "begin anew with --restart"
            )
        return rows

    def keep_inputs(self, listed: Path) -> None:
        """Make a complete list the list of this run.

        If another process was faster, its list counts; a BatchError if that one differs.
        """
        try:
            os.link(listed, self.inputs)
        except FileExistsError:
            if not filecmp.cmp(listed, self.inputs, shallow=False):
                raise BatchError(
                    "another process of this run has listed other photographs: the input must "
                    "not change while it is listed; begin anew with --restart"
                ) from None
        except OSError:  # a file system without hard links, such as exFAT
            listed.rename(self.inputs)
        finally:
            listed.unlink(missing_ok=True)
        sync_folder(self.path)

    def remove(self) -> None:
        """Remove the folder. A crash meanwhile leaves nothing that looks like an unfinished run."""
        self.path.rename(self._finished)
        shutil.rmtree(self._finished)

    def _part(self, number: int) -> Path:
        return self.path / _PART.format(number)
