"""A table of two workers."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from serving.workers import table as tables
from serving.workers.table import WorkerTable


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WorkerTable:
    monkeypatch.setenv(tables._VARIABLE, "")
    return WorkerTable.create(2, tmp_path)


@pytest.fixture
def beat_as(table: WorkerTable, monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """A beat of another process in a place."""

    def beat(process: int, place: int) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(os, "getpid", lambda: process)
            table.begin(place)

    return beat
