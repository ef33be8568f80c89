"""How the classifier is a BentoML service: model, preflight, start of a worker, front door."""

import asyncio
import logging
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import bentoml
from _bentoml_sdk import Service
from bentoml._internal.service.openapi.specification import OpenAPISpecification
from bentoml.exceptions import BentoMLException
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from errors import ClassifierError, StartupError
from inference import check_device, open_session
from inference.gpu import count_gpus
from model_spec import MODEL_NAME, ModelSpec
from serving import endpoints, http_protocol, request_metrics
from serving.address import check_address_of_command
from serving.classifier import Classifier, cpu_sizes
from serving.front_door import FrontDoor, Routes
from serving.guard import end_with_parent
from serving.health import Monitor
from serving.heartbeat import Heartbeats, beat_while
from serving.openapi import documented
from serving.plan import intra_op_threads, runner_options
from serving.resource_metrics import ResourceRecorder, record_for_ever
from serving.sending import EnvelopeErrors
from serving.stored import stored_model
from settings import PREFIX, Device, Settings, current_settings, unknown_variables

logger = logging.getLogger("image_classifier")

ROUTES: Routes = {
    "/classify": {"POST": endpoints.classify},
    "/classify_batch": {"POST": endpoints.classify_batch},
    "/health": dict.fromkeys(("GET", "HEAD", "POST"), endpoints.health),
    "/metrics": dict.fromkeys(("GET", "HEAD"), endpoints.metrics),
}

IMAGE = bentoml.images.Image(
    base_image="python:{}.{}-slim".format(*sys.version_info),
    # Nothing from the distribution: by default BentoML installs a compiler.
    distro="none",
)
"""What `bentoml containerize` begins with."""


class ClassifierService(Service):
    """A BentoML service behind the front door."""

    def to_asgi(self, is_main: bool = True) -> ASGIApp:
        """BentoML's application; the one that strangers reach, behind the front door."""
        app: ASGIApp = super().to_asgi(is_main=is_main)
        if not is_main:
            return app
        http_protocol.install()
        settings = current_settings()
        return with_cors(FrontDoor(app, ROUTES, settings, _current_monitor), settings.origins)

    @property
    def doc(self) -> str:
        """The description in the OpenAPI document."""
        return str(self.inner.__doc__)

    @property
    def openapi_spec(self) -> OpenAPISpecification:
        """BentoML's document, with every form, error and status of the public contract."""
        return documented(super().openapi_spec)

    def model_tag(self, settings: Settings) -> str:
        """The model to serve: the one that was asked for, the Bento's own, or the newest."""
        if settings.model:
            return settings.model
        if self.bento is not None:
            for model in self.bento.info.all_models:
                if model.tag.name == MODEL_NAME:
                    return str(model.tag)
        return f"{MODEL_NAME}:latest"


def with_cors(app: ASGIApp, origins: list[str]) -> ASGIApp:
    """Let pages of some origins ask from a browser; without origins, none."""
    if not origins:
        return app
    cors = CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=["GET", "POST"],
        allow_headers=[
            "authorization",
            "content-type",
            "x-api-key",
            "x-request-id",
            "x-deadline-ms",
        ],
        expose_headers=["retry-after", "x-request-id"],
    )

    async def enveloped(scope: Scope, receive: Receive, send: Send) -> None:
        await cors(scope, receive, EnvelopeErrors(send) if scope["type"] == "http" else send)

    return enveloped


def _current_monitor() -> Monitor | None:
    try:
        monitor: Monitor = bentoml.get_current_service().monitor
    except BentoMLException:  # not started yet
        return None
    return monitor


def preflight(tag: str, settings: Settings) -> str:
    """Refuse before any worker starts what no worker could serve.

    Returns:
        The tag of the one model that ``tag`` means now.

    Raises:
        StartupError: the address is taken, the model is missing or damaged, or an explicit GPU
            device cannot be had.
    """
    check_address_of_command()
    model = stored_model(tag)
    folder = Path(model.path)
    spec = ModelSpec.load(folder)
    for name in unknown_variables():
        logger.warning("there is no setting %s", name)
    if not spec.weights.pretrained:
        logger.warning(
            "%s has random weights (pretrained: false): its answers mean nothing", model.tag
        )
    if settings.device in (Device.CUDA, Device.TENSORRT):
        _check_elsewhere(folder, settings.device)
    elif settings.device is Device.AUTO and not count_gpus():
        logger.info("no NVIDIA GPU, running on the CPU")
    return str(model.tag)


def serve_only(tag: str) -> None:
    """Have every worker serve this model, whatever ``latest`` will mean when it starts."""
    os.environ[f"{PREFIX}MODEL"] = tag


def _check_elsewhere(folder: Path, device: Device) -> None:
    """In a process of its own, or the supervisor would hold GPU memory for ever."""
    source = str(Path(__file__).parents[1])
    if source not in sys.path:
        # A Bento's is there only while BentoML imports the service; new processes get a copy.
        sys.path.insert(0, source)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        pool.submit(check_device, folder, device).result()


async def start_classifier(monitor: Monitor, tag: str, settings: Settings) -> None:
    """Load the model into this worker; what goes wrong is what ``/health`` says."""
    end_with_parent()
    try:
        model = stored_model(tag)
        folder = Path(model.path)
        session = open_session(
            folder,
            settings.device,
            intra_op_threads=intra_op_threads(settings),
            device_id=_device_id(),
        )
        options = runner_options(settings, session.device, lambda: cpu_sizes(session, folder))
        monitor.classifier = Classifier(str(model.tag), session, options, settings)
        monitor.classifier.start(folder)
    except (ClassifierError, StartupError) as error:
        monitor.problem = str(error)
        logger.error("cannot classify: %s", error)
    except Exception:
        monitor.problem = "the model could not be loaded; see the service's log"
        logger.exception("cannot classify")
    else:
        monitor.problem = None
        logger.info(
            "serving %s on %s, in batches of up to %d",
            model.tag,
            session.device.value,
            options.max_batch_size,
        )


def start_beating(monitor: Monitor) -> asyncio.Task[None] | None:
    """Let the other processes know that this worker lives; None where there are no others."""
    monitor.heartbeats = Heartbeats.inherited()
    if monitor.heartbeats is None:
        return None
    monitor.heartbeats.beat(worker_number())  # expected from now on
    beats = beat_while(monitor.is_well, monitor.heartbeats, worker_number())
    return asyncio.create_task(beats)


def start_recording(monitor: Monitor) -> asyncio.Task[None]:
    """Keep this worker's metrics up to date for the others to show."""
    gpu = monitor.classifier.gpu if monitor.classifier else None
    resources = ResourceRecorder(worker_number(), gpu)
    return asyncio.create_task(record_for_ever(resources.record, request_metrics.write))


def worker_number() -> int:
    """This worker's number, counted from 1."""
    return bentoml.server_context.worker_index or 1


def _device_id() -> int:
    """Worker i takes GPU i mod n."""
    return (worker_number() - 1) % max(1, count_gpus())
