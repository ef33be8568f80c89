import os
from typing import Any

import pytest
from bentoml._internal.utils import circus
from bentoml._internal.utils.circus import create_standalone_arbiter

from serving.compat.process_manager import PromptArbiter, use_prompt_arbiter


@pytest.fixture
def arbiter(monkeypatch: pytest.MonkeyPatch) -> PromptArbiter:
    """As BentoML makes it."""
    monkeypatch.setattr(circus, "Arbiter", circus.Arbiter)
    monkeypatch.setenv("BENTOML_CONTAINERIZED", "true")
    use_prompt_arbiter()
    made: Any = create_standalone_arbiter([])
    made.ctrl.sys_hdl.stop()
    assert isinstance(made, PromptArbiter)
    return made


def test_in_a_container_dead_workers_are_replaced_too(arbiter: PromptArbiter) -> None:
    assert "BENTOML_CONTAINERIZED" not in os.environ


def test_it_looks_for_dead_workers_every_second(arbiter: PromptArbiter) -> None:
    assert arbiter.check_delay == 1.0
    assert arbiter.ctrl.check_delay == 1000.0


def test_told_to_stop_while_it_starts_workers_it_stops_behind_that(
    arbiter: PromptArbiter, monkeypatch: pytest.MonkeyPatch
) -> None:
    stops: list[bool] = []
    later: list[Any] = []
    monkeypatch.setattr(PromptArbiter.__base__, "stop", lambda self: stops.append(True))
    monkeypatch.setattr(arbiter.loop, "call_later", lambda delay, call: later.append(call))
    arbiter._exclusive_running_command = "arbiter_start_watchers"
    arbiter.manage_watchers()  # must not raise
    arbiter.stop()
    assert (stops, len(later)) == ([], 1)
    arbiter._exclusive_running_command = None
    later[0]()
    assert stops == [True]
