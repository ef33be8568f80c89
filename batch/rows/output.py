"""The output: the rows of all parts, in order, in one file."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import orjson
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from batch.errors import BatchError
from batch.files import write_whole

GROUP_ROWS, GROUP_BYTES = 65_536, 64 * 1024 * 1024
"""About the size of a row group of the Parquet file, and so of what is in memory at once."""

Tables = Iterator[pa.Table]


def write(tables: Tables, output: Path) -> Counter[str | None]:
    """Write tables, at least one, into one file, atomically.

    Only a few tables are in memory at once. The file's suffix is the format. An OSError if the file
    cannot be written. Returns the number of rows by error code; None: classified.
    """
    outcomes = Counter[str | None]()

    def counted() -> Tables:
        for table in tables:
            outcomes.update(table.column("error_code").to_pylist())
            yield table

    write_whole(output, lambda file: writer_for(output)(counted(), file))
    return outcomes


def writer_for(output: Path) -> Callable[[Tables, BinaryIO], None]:
    """The function that writes a file's format; a BatchError if the suffix is none of them."""
    found = _WRITERS.get(output.suffix)
    if found is None:
        raise BatchError(f"{output} ends with none of {', '.join(_WRITERS)}")
    return found


def _parquet(tables: Tables, file: BinaryIO) -> None:
    groups = _grouped(tables)
    first = next(groups)
    with pq.ParquetWriter(file, first.schema) as writer:
        for group in chain([first], groups):
            writer.write_table(group)


def _grouped(tables: Tables) -> Tables:
    """Tables, joined to row groups of the usual size."""
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        rows, size = sum(t.num_rows for t in waiting), sum(t.nbytes for t in waiting)
        if rows >= GROUP_ROWS or size >= GROUP_BYTES:
            yield pa.concat_tables(waiting).combine_chunks()
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting).combine_chunks()


def _csv(tables: Tables, file: BinaryIO) -> None:
    """With lists as JSON."""
    first = next(tables)
    schema = pa.schema([(f.name, pa.string() if _nested(f) else f.type) for f in first.schema])
    with pyarrow.csv.CSVWriter(file, schema) as writer:
        for table in chain([first], tables):
            columns = [
                _as_json(column) if _nested(field) else column
                for field, column in zip(table.schema, table.columns, strict=True)
            ]
            writer.write_table(pa.table(columns, schema=schema))


def _nested(field: pa.Field) -> bool:
    return bool(pa.types.is_nested(field.type))


def _as_json(column: pa.ChunkedArray) -> pa.Array:
    found = column.to_pylist()
    return pa.array([None if each is None else json.dumps(each) for each in found], pa.string())


def _json_lines(tables: Tables, file: BinaryIO) -> None:
    for table in tables:
        file.writelines(orjson.dumps(row) + b"\n" for row in table.to_pylist())


_WRITERS = {".parquet": _parquet, ".csv": _csv, ".jsonl": _json_lines}
