import os
import subprocess
import sys
from pathlib import Path

import pytest
from bentoml._internal.configuration.containers import BentoMLContainer

from serving.compat.bentoml_parts import metrics_folder
from serving.metrics import storage
from serving.metrics.storage import (
    choose_metrics_folder,
    forget_process,
    hold_metrics_folder,
    remove_metrics_folder,
)

PREFIX = "image-classifier-"


@pytest.fixture
def chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(storage, "_MEMORY", tmp_path)
    provider = BentoMLContainer.prometheus_multiproc_dir
    choose_metrics_folder()
    folder = Path(provider.get())
    monkeypatch.setattr(storage, "metrics_folder", lambda: folder)
    provider.reset()
    return folder


def test_a_worker_has_the_folder_of_its_supervisor(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    assert storage.workers_folder() == metrics_folder()
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    assert storage.workers_folder() == tmp_path


def test_every_service_has_a_folder_of_its_own_in_memory(tmp_path: Path, chosen: Path) -> None:
    assert chosen.parent == tmp_path
    assert chosen.name.startswith("image-classifier-")
    choose_metrics_folder()
    assert BentoMLContainer.prometheus_multiproc_dir.get() != str(chosen)
    BentoMLContainer.prometheus_multiproc_dir.reset()


def test_only_what_a_dead_worker_had_in_progress_is_forgotten(chosen: Path) -> None:
    chosen.mkdir()
    kept = {"gauge_livesum_2.db", "counter_1.db", "gauge_sum_1.db"}
    for name in {*kept, "gauge_livesum_1.db"}:
        (chosen / name).write_bytes(b"")
    forget_process(1)
    assert {file.name for file in chosen.iterdir()} == kept


def test_folders_of_dead_supervisors_are_removed(chosen: Path) -> None:
    chosen.mkdir()
    killed, young, other = (chosen.parent / name for name in (f"{PREFIX}1", f"{PREFIX}2", "other"))
    for folder in (killed, young, other):
        folder.mkdir()
        (folder / "counter_1.db").write_bytes(b"")
    for folder in (chosen, killed, other):
        os.utime(folder, (0, 0))
    hold_metrics_folder()
    assert set(chosen.parent.iterdir()) == {chosen, young, other}


def test_a_folder_is_held_until_its_supervisor_dies(chosen: Path) -> None:
    chosen.mkdir()
    held = chosen.parent / f"{PREFIX}held"
    held.mkdir()
    os.utime(held, (0, 0))
    hold = f"import fcntl, os; fcntl.flock(os.open({str(held)!r}, os.O_RDONLY), fcntl.LOCK_EX)"
    with subprocess.Popen(
        [sys.executable, "-c", f"{hold}; print(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout
        holder.stdout.readline()
        hold_metrics_folder()
        assert held.exists()
        holder.kill()
    hold_metrics_folder()
    assert not held.exists()


def test_it_is_removed_at_the_end(chosen: Path) -> None:
    forget_process(1)  # nothing there yet
    chosen.mkdir()
    (chosen / "counter_1.db").write_bytes(b"")
    remove_metrics_folder()
    assert not chosen.exists()
    remove_metrics_folder()
