"""How the classifier is a BentoML service: its application, and how a worker starts and ends."""

import asyncio
import logging
import socket
import ssl
import sys
from collections.abc import Callable
from pathlib import Path

import bentoml
from starlette.types import ASGIApp

from errors import ClassifierError, StartupError
from inference import open_session
from inference.hardware.gpu import count_gpus
from model_spec import MODEL_NAME
from serving.api import dialects, routes
from serving.api.documents.openapi import documented
from serving.api.routing import Routes
from serving.classifier import Classifier
from serving.compat.bentoml_service import OpenAPISpecification, WrappedService
from serving.compat.uvicorn_server import use_server
from serving.compat.versions import is_supported
from serving.explanation.explainer import Explainer
from serving.golden import cpu_sizes
from serving.health import Monitor
from serving.metrics import requests as request_metrics
from serving.metrics.predictions import Predictions
from serving.metrics.resources import ResourceRecorder, record_for_ever
from serving.metrics.storage import workers_folder
from serving.page.site import Site
from serving.self_check import check_over_http
from serving.transport.balancing import Balancer, Listener
from serving.transport.front_door import FrontDoor
from serving.transport.http_connection import HttpConnection
from serving.workers.model_store import stored_model
from serving.workers.shutdown import drain_at_end, end_with_supervisor
from serving.workers.sizing import gpu_batch_size, intra_op_threads, runner_options
from serving.workers.table import WorkerTable, beat_while
from settings import Settings, current_settings

logger = logging.getLogger("image_classifier")

ROUTES: Routes = {
    "/classify": {"POST": routes.classify},
    "/classify_batch": {"POST": routes.classify_batch},
    "/explain": {"POST": routes.explain},
    "/health": dict.fromkeys(("GET", "HEAD", "POST"), routes.health),
    "/model": dict.fromkeys(("GET", "HEAD"), routes.model),
    "/metrics": dict.fromkeys(("GET", "HEAD"), routes.metrics),
    **dialects.ROUTES,
}

IMAGE = bentoml.images.Image(
    base_image="python:{}.{}-slim".format(*sys.version_info),
    # No distribution packages: BentoML would install a compiler.
    distro="none",
)
"""What `bentoml containerize` begins with."""


class ClassifierService(WrappedService):
    """The service behind the front door.

    Attributes:
        monitor: of this worker's model; None before it starts to load.
    """

    monitor: Monitor | None = None

    def wrapped(self, app: ASGIApp) -> ASGIApp:
        """Put the front door before the pages, and have it served on this service's connections."""
        if is_supported():
            use_server(HttpConnection, _listen)
        return FrontDoor(Site(app), ROUTES, current_settings(), lambda: self.monitor)

    def described(self, document: OpenAPISpecification) -> OpenAPISpecification:
        """BentoML's document, with every form, error and status of the public contract."""
        return documented(document)

    def model_tag(self, settings: Settings) -> str:
        """The model to serve: the one that was asked for, the Bento's own, or the newest."""
        return settings.model or self.model_of_bento(MODEL_NAME) or f"{MODEL_NAME}:latest"


def _listen(
    listening: socket.socket,
    protocol: Callable[[], asyncio.Protocol],
    context: ssl.SSLContext | None,
) -> Listener:
    return Listener(listening, protocol, HttpConnection.balancer, context)


async def start_classifier(monitor: Monitor, tag: str, settings: Settings) -> None:
    """Load the model into this worker. A failure is logged and shown by ``/health``."""
    end_with_supervisor()
    try:
        model = stored_model(tag)
        folder = Path(model.path)
        threads = intra_op_threads(settings)
        session = open_session(
            folder,
            settings.device,
            intra_op_threads=threads,
            # Worker i takes GPU i mod n.
            device_id=(worker_number() - 1) % max(1, count_gpus()),
            max_batch_size=gpu_batch_size(settings),
        )
        options = runner_options(
            settings, session.device, lambda: cpu_sizes(session, folder, threads)
        )
        monitor.classifier = Classifier(str(model.tag), session, options, settings)
        monitor.explainer = Explainer(monitor.classifier, folder, settings)
        monitor.classifier.start(folder)
        monitor.problem = None  # or the front door would refuse the worker's own request, too
        await check_over_http(session.spec, folder, settings)
        # Not before: the golden image is not a client's.
        predictions = Predictions(session.spec, worker_number(), workers_folder())
        monitor.classifier.predictions = predictions
        request_metrics.also_write(predictions.write)
    except (ClassifierError, StartupError) as error:
        monitor.problem = str(error)
        logger.error("cannot classify: %s", error)
    except Exception:
        monitor.problem = "the model could not be loaded; see the service's log"
        logger.exception("cannot classify")
    else:
        logger.info(
            "serving %s on %s, in batches of up to %d",
            model.tag,
            session.device.value,
            options.max_batch_size,
        )


def start_beating(monitor: Monitor) -> asyncio.Task[None] | None:
    """Show the other processes that this worker is alive; None if there are no others."""
    table = monitor.table = WorkerTable.inherited(worker_number())
    if table is None:
        return None
    table.begin(worker_number(), has_failed=monitor.problem is not None)
    return asyncio.create_task(beat_while(monitor.is_well, table, worker_number()))


def start_balancing(monitor: Monitor, settings: Settings) -> None:
    """Share connections with the other workers, and leave them all connections at shutdown."""
    balancer = HttpConnection.balancer = Balancer(monitor.table, worker_number())
    if monitor.problem:
        balancer.leave()

    def on_signal() -> None:
        monitor.draining = True
        balancer.leave()

    drain_at_end(settings.drain_ms / 1000, on_signal)


def start_recording(monitor: Monitor) -> asyncio.Task[None]:
    """Write this worker's metrics every second, so that any worker can show them."""
    gpu = monitor.classifier.gpu if monitor.classifier else None
    resources = ResourceRecorder(worker_number(), gpu)
    return asyncio.create_task(record_for_ever(resources.record, request_metrics.write))


def worker_number() -> int:
    """This worker's number, counted from 1."""
    return bentoml.server_context.worker_index or 1
