"""Settings: environment variables with the prefix ``CLASSIFIER_``, in one typed class."""

import os
from enum import StrEnum
from functools import lru_cache
from typing import Annotated

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from errors import StartupError

PREFIX = "CLASSIFIER_"

PositiveInt = Annotated[int, Field(gt=0)]
# A longer wait is a mistake of unit.
_HOUR_MS = 3_600_000


class Device(StrEnum):
    """Where inference runs."""

    AUTO = "auto"
    CPU = "cpu"
    OPENVINO = "openvino"
    CUDA = "cuda"
    TENSORRT = "tensorrt"

    @property
    def on_cpu(self) -> bool:
        """Whether it needs no GPU; of auto it is not known."""
        return self in (Device.CPU, Device.OPENVINO)


class AccessLog(StrEnum):
    """Lines in the log for requests."""

    OFF = "off"
    JSON = "json"
    HUMAN = "human"


# The setting was once true or false.
_ACCESS_LOG = {
    **dict.fromkeys(("true", "1", "yes", "on"), AccessLog.HUMAN),
    **dict.fromkeys(("false", "0", "no"), AccessLog.OFF),
}


def _access_log(given: object) -> object:
    return _ACCESS_LOG.get(str(given).lower(), given)


class Settings(BaseSettings):
    """What an operator may choose; ``None`` means: derived from the machine.

    Each field is documented, with its unit, in docs/settings.md.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, env_ignore_empty=True)

    model: str | None = Field(
        default=None, description="Tag of the model in the BentoML model store"
    )
    device: Device = Field(default=Device.AUTO, description="auto, cpu, openvino, cuda or tensorrt")
    gpus: PositiveInt = Field(
        default=1, description="GPUs asked of BentoML; workers share them in turn"
    )
    workers: PositiveInt | None = Field(default=None, description="Processes that serve requests")
    intra_op_threads: PositiveInt | None = Field(
        default=None, description="Threads of one ONNX session"
    )
    decode_threads: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="Threads that decode ahead of the session; 0: the session's own"
    )
    max_batch_size: PositiveInt | None = Field(
        default=None, description="Images in one session.run"
    )
    max_batch_delay_ms: Annotated[float, Field(ge=0, le=_HOUR_MS, allow_inf_nan=False)] = Field(
        default=0.0, description="Milliseconds a batch waits for company"
    )
    max_pending_images: PositiveInt = Field(
        default=256, description="Images a worker holds before it answers 503"
    )
    max_pending_explanations: PositiveInt = Field(
        default=8, description="Explanations a worker holds before it answers 503"
    )
    max_images_per_request: PositiveInt = Field(
        default=64, description="Images in one /classify_batch"
    )
    deadline_ms: Annotated[int, Field(gt=0, le=_HOUR_MS)] = Field(
        default=10_000, description="Milliseconds from the last byte of a request until it gets 504"
    )
    header_timeout_ms: Annotated[int, Field(gt=0, le=_HOUR_MS)] = Field(
        default=10_000, description="Milliseconds a request header may take to arrive"
    )
    body_timeout_ms: Annotated[int, Field(gt=0, le=_HOUR_MS)] = Field(
        default=30_000, description="Milliseconds a request body may take to arrive"
    )
    start_timeout_ms: Annotated[int, Field(gt=0, le=_HOUR_MS)] = Field(
        default=600_000, description="Milliseconds a worker may take to load the model"
    )
    drain_ms: Annotated[int, Field(ge=0, le=_HOUR_MS)] = Field(
        default=1_000, description="Milliseconds that SIGTERM leaves it serving, but not ready"
    )
    max_body_bytes: PositiveInt = Field(default=20_000_000, description="Bytes of a request body")
    max_held_body_bytes: PositiveInt = Field(
        default=200_000_000, description="Bytes of all request bodies that a worker holds"
    )
    max_pixels: PositiveInt = Field(
        default=25_000_000, description="Pixels that decoding one image computes"
    )
    max_aspect_ratio: Annotated[float, Field(ge=1, allow_inf_nan=False)] = Field(
        default=20.0, description="Longer side of an image divided by its shorter side"
    )
    decode_cpu_ms: Annotated[int, Field(gt=0, le=_HOUR_MS)] = Field(
        default=2_000, description="Processor milliseconds that decoding one request's images takes"
    )
    decode_memory_bytes: PositiveInt = Field(
        default=512_000_000, description="Bytes of memory that decoding an unusual image takes"
    )
    scaled_decode: bool = Field(
        default=True, description="Whether large JPEGs are decoded at 1/2, 1/4 or 1/8 of their size"
    )
    api_keys: SecretStr = Field(
        default=SecretStr(""), description="Keys of which a client must send one, by commas"
    )
    pages_need_key: bool = Field(
        default=False, description="Whether /model, /metrics and the documents need a key, too"
    )
    cors_origins: str = Field(
        default="", description="Origins whose pages may ask, separated by commas; * for all"
    )
    access_log: Annotated[AccessLog, BeforeValidator(_access_log)] = Field(
        default=AccessLog.OFF, description="A line in the log for requests: off, json or human"
    )

    @property
    def keys(self) -> list[str]:
        """The API keys."""
        return _listed(self.api_keys.get_secret_value())

    @property
    def origins(self) -> list[str]:
        """The CORS origins."""
        return _listed(self.cors_origins)

    @property
    def header_timeout(self) -> float:
        """Seconds a request header may take to arrive."""
        return self.header_timeout_ms / 1000

    @property
    def body_timeout(self) -> float:
        """Seconds a request body may take to arrive."""
        return self.body_timeout_ms / 1000

    @property
    def start_timeout(self) -> float:
        """Seconds a worker may take from the start of its process until it serves."""
        return self.start_timeout_ms / 1000

    @property
    def drain(self) -> float:
        """Seconds for which a worker that was sent SIGTERM serves on, but is not ready."""
        return self.drain_ms / 1000

    @property
    def decode_seconds(self) -> float:
        """Seconds of processor time that decoding the images of one request may take."""
        return self.decode_cpu_ms / 1000

    @property
    def deadline(self) -> float:
        """Seconds from the last byte of a request until it is answered 504."""
        return self.deadline_ms / 1000

    @property
    def max_batch_delay(self) -> float:
        """Seconds a batch waits for company."""
        return self.max_batch_delay_ms / 1000


def _listed(text: str) -> list[str]:
    return [entry for entry in (each.strip() for each in text.split(",")) if entry]


def load_settings() -> Settings:
    """Read the settings from the environment.

    Raises:
        StartupError: a variable has a value that it cannot take; names each of them.
    """
    try:
        return Settings()
    except ValidationError as error:
        problems = (
            f"{PREFIX}{'.'.join(map(str, e['loc'])).upper()}={e['input']}: {e['msg']}"
            for e in error.errors()
        )
        raise StartupError("; ".join(problems)) from error


@lru_cache(1)
def current_settings() -> Settings:
    """The settings of this process, read once.

    Raises:
        StartupError: as of :func:`load_settings`.
    """
    return load_settings()


def unknown_variables() -> list[str]:
    """Variables of the environment that look like settings and are none."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    return sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)
