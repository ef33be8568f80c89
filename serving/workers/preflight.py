"""What is checked before any worker starts."""

import logging
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from errors import StartupError
from inference import check_device
from inference.hardware.gpu import count_gpus
from interrupts import interrupting_only_this_process
from model_spec import ModelSpec
from serving.metrics import spans
from serving.workers.address import check_address_of_command
from serving.workers.model_store import stored_model
from serving.workers.sizing import gpu_batch_size
from settings import PREFIX, Device, Settings, unknown_variables

logger = logging.getLogger("image_classifier")


def preflight(tag: str, settings: Settings) -> str:
    """Refuse to start if no worker could serve.

    Returns:
        The tag of the one model that ``tag`` means now.

    Raises:
        StartupError: the address is in use, the model is missing or damaged, an explicit device
            is not available, or OpenTelemetry's exporter is configured and not installed.
    """
    check_address_of_command()
    spans.check()
    model = stored_model(tag)
    folder = Path(model.path)
    spec = ModelSpec.load(folder)
    for name in unknown_variables():
        logger.warning("there is no setting %s", name)
    if not spec.weights.pretrained:
        logger.warning(
            "%s has random weights (pretrained: false): its answers mean nothing", model.tag
        )
    if settings.device not in (Device.AUTO, Device.CPU):
        _check_elsewhere(folder, settings.device, gpu_batch_size(settings))
    elif settings.device is Device.AUTO and not count_gpus():
        logger.info("no NVIDIA GPU, running on the CPU")
    return str(model.tag)


def serve_only(tag: str) -> None:
    """Make every worker serve this model, even if ``latest`` changes later."""
    os.environ[f"{PREFIX}MODEL"] = tag


def _check_elsewhere(folder: Path, device: Device, max_batch_size: int) -> None:
    """Check in another process: this one would keep the memory, the GPU's, too."""
    source = str(Path(__file__).parents[2])
    if source not in sys.path:
        # BentoML removes a Bento's folder from the path after the import. The new process
        # inherits the path.
        sys.path.insert(0, source)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        try:
            with interrupting_only_this_process():
                checked = pool.submit(check_device, folder, device, max_batch_size)
            checked.result()
        except BrokenProcessPool as error:
            raise StartupError(
                f"{PREFIX}DEVICE={device.value} cannot be had: the process that tried it was killed"
            ) from error
