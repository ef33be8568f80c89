"""Whether the model can classify, and on what it runs."""

import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, Field

from errors import ModelUnavailable
from inference.hardware.gpu import count_gpus
from model_comparison import Shortcoming
from serving.classifier import Classifier
from serving.explanation.explainer import Explainer
from serving.parameters import Parameters

if TYPE_CHECKING:
    from serving.workers.table import WorkerTable

Status = Literal["healthy", "unhealthy"]


class Health(BaseModel):
    """The response of ``/health``; 503 if the status is ``unhealthy``."""

    status: Status
    reason: str | None = Field(description="Why it is unhealthy; null if it is healthy")
    model_loaded: bool
    gpu_available: bool = Field(description="The NVIDIA driver shows a GPU")
    gpu_utilization: float | None = Field(description="0 to 1; null without a GPU in use")
    device: str | None = Field(
        description="Where inference runs: cpu, openvino (on the CPU), cuda or tensorrt"
    )
    execution_providers: list[str] = Field(
        description="What ONNX Runtime really uses; OpenVINO CPU if that is OpenVINO"
    )
    model: str | None = Field(description="Tag in the BentoML model store")
    architecture: str | None
    precision: str | None
    preprocessing: str | None = Field(
        description="How a photograph becomes the network's input, and where that is known from"
    )
    shortcomings: list[Shortcoming] = Field(
        description="What a bf16 or int8 model may be beside fp32, and is served all the same"
    )
    pretrained: bool | None = Field(description="False: random weights, answers mean nothing")
    uptime: float = Field(description="Seconds since the worker started")

    @property
    def http_status(self) -> HTTPStatus:
        """200, or 503 while the model cannot classify."""
        return HTTPStatus.OK if self.status == "healthy" else HTTPStatus.SERVICE_UNAVAILABLE


class Monitor:
    """The state of one worker: its model, its shutdown, and what it knows of the other workers.

    Attributes:
        classifier: the model once it is loaded.
        explainer: says why the classifier answers so; None before it is loaded.
        problem: why it cannot classify; None when it can.
        draining: whether the worker shuts down, and only answers what still arrives.
        table: of all workers; None if there is only this process.
    """

    def __init__(self) -> None:
        self.classifier: Classifier | None = None
        self.explainer: Explainer | None = None
        self.problem: str | None = "the model is still loading"
        self.draining = False
        self.table: WorkerTable | None = None
        self._started = time.monotonic()

    def ready_classifier(self) -> Classifier:
        """The classifier, or ModelUnavailable if it cannot classify."""
        if self.classifier is None or self.problem is not None:
            raise ModelUnavailable("the model cannot classify now; /health says why")
        return self.classifier

    def ready_explainer(self) -> Explainer:
        """The explainer, or ModelUnavailable if the classifier cannot classify."""
        self.ready_classifier()
        assert self.explainer is not None
        return self.explainer

    def classifier_for(self, parameters: Parameters) -> Classifier | Explainer:
        """What answers a request of ``/classify`` with these parameters, or ModelUnavailable."""
        return self.ready_explainer() if parameters.explain else self.ready_classifier()

    def is_well(self) -> bool:
        """Whether this worker can classify."""
        return (
            self.problem is None and self.classifier is not None and not self.classifier.is_stuck()
        )

    def unready(self) -> str | None:
        """Why the service should get no new requests; None when it should.

        One hung worker makes the service unready: it keeps the connections it has.
        """
        if self.problem is not None:
            return self.problem
        if self.draining:
            return "the service is shutting down"
        if not self.is_well():
            return "inference does not return"
        silent = self.table.silent() if self.table else []
        return f"worker processes do not answer: {silent}" if silent else None

    def health(self) -> Health:
        """The current state."""
        reason = self.unready()
        classifier = self.classifier
        session = classifier.session if classifier else None
        spec = session.spec if session else None
        return Health(
            status="healthy" if reason is None else "unhealthy",
            reason=reason,
            model_loaded=classifier is not None,
            gpu_available=count_gpus() > 0,
            gpu_utilization=classifier.gpu_utilization() if classifier else None,
            device=session.device.value if session else None,
            execution_providers=list(session.providers) if session else [],
            model=classifier.tag if classifier else None,
            architecture=spec.architecture if spec else None,
            precision=spec.precision.value if spec else None,
            preprocessing=f"{spec.preprocessing}: {spec.preprocessing.source}" if spec else None,
            shortcomings=spec.shortcomings if spec else [],
            pretrained=spec.weights.pretrained if spec else None,
            uptime=round(time.monotonic() - self._started, 3),
        )
