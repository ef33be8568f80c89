"""A table of two workers."""

from pathlib import Path

import pytest

from serving.workers import table as tables
from serving.workers.table import WorkerTable


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WorkerTable:
    monkeypatch.setenv(tables._VARIABLE, "")
    return WorkerTable.create(2, tmp_path)
