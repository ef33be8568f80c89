"""circus, the process manager that BentoML keeps its workers with.

:func:`use_prompt_arbiter` replaces ``bentoml._internal.utils.circus.Arbiter``, which
``create_standalone_arbiter`` makes an instance of, by a subclass that overrides three methods of
``circus.arbiter.Arbiter``. It reads ``Arbiter._exclusive_running_command``.
"""

import os
from typing import Any

import psutil
from bentoml._internal.utils import circus

_CHECK_SECONDS = 1.0
"""From one look for dead workers to the next. BentoML asks for ten."""

_STOP_AGAIN_SECONDS = 0.1

# In the command line of BentoML's worker processes.
_WORKER_MODULE = "_bentoml_impl.worker"

# BentoML does not replace dead workers if this is set, as it is in its containers.
_NO_REPLACEMENT = "BENTOML_CONTAINERIZED"


class PromptArbiter(circus.Arbiter):
    """Replaces a dead worker within a second, and stops even if it was busy when asked to."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{**options, "check_delay": _CHECK_SECONDS})

    def manage_watchers(self) -> Any:
        """Replace dead workers, unless another command runs."""
        return None if self._is_busy() else super().manage_watchers()

    def stop(self) -> Any:
        """Stop as soon as no other command runs. circus itself would refuse to."""
        if not self._is_busy():
            return super().stop()
        assert self.loop is not None
        self.loop.call_later(_STOP_AGAIN_SECONDS, self.stop)
        return None

    def _is_busy(self) -> bool:
        return self._exclusive_running_command is not None


def use_prompt_arbiter() -> None:
    """Have BentoML keep its workers with :class:`PromptArbiter`, also in containers."""
    os.environ.pop(_NO_REPLACEMENT, None)
    circus.Arbiter = PromptArbiter  # type: ignore[misc]


def worker_processes(supervisor: int) -> list[psutil.Process]:
    """The living worker processes of a supervisor, oldest first."""
    found = [child for child in psutil.Process(supervisor).children() if _is_worker(child)]
    return sorted(found, key=psutil.Process.create_time)


def _is_worker(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and any(
            argument.startswith(_WORKER_MODULE) for argument in process.cmdline()
        )
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return False
