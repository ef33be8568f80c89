"""Settings: environment variables with the prefix ``CLASSIFIER_``, in one typed class."""

import os
from enum import StrEnum
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from errors import StartupError

PREFIX = "CLASSIFIER_"

# A longer wait is a mistake of unit.
_HOUR_MS = 3_600_000

PositiveInt = Annotated[int, Field(gt=0)]
Milliseconds = Annotated[int, Field(gt=0, le=_HOUR_MS)]


class Device(StrEnum):
    """Where inference runs."""

    AUTO = "auto"
    CPU = "cpu"
    OPENVINO = "openvino"
    CUDA = "cuda"
    TENSORRT = "tensorrt"

    @property
    def on_cpu(self) -> bool:
        """Whether it needs no GPU; for auto that is not known."""
        return self in (Device.CPU, Device.OPENVINO)


class AccessLog(StrEnum):
    """Lines in the log for requests."""

    OFF = "off"
    JSON = "json"
    HUMAN = "human"


def _access_log(given: object) -> object:
    """The setting was once true or false."""
    text = str(given).lower()
    if text in {"true", "1", "yes", "on"}:
        return AccessLog.HUMAN
    return AccessLog.OFF if text in {"false", "0", "no"} else given


def _checked_keys(keys: SecretStr) -> SecretStr:
    text = keys.get_secret_value()
    if text and not _listed(text):
        raise ValueError("there is no key in it, and everybody would be let in")
    if not all(key.isprintable() for key in _listed(text)):
        raise ValueError("a key holds a line break or the like; keys are separated by commas")
    return keys


class Settings(BaseSettings):
    """What an operator may choose; ``None`` means: derived from the machine.

    docs/settings.md documents each of them in full.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, env_ignore_empty=True, hide_input_in_errors=True
    )

    # The model and where it runs.
    model: str | None = None  # its tag in the BentoML model store
    device: Device = Device.AUTO
    gpus: PositiveInt = 1  # asked of BentoML; workers share them in turn
    workers: PositiveInt | None = None  # processes that serve requests
    intra_op_threads: PositiveInt | None = None  # of one session
    # Threads that decode ahead of the session; 0: the session's own does.
    decode_threads: Annotated[int, Field(ge=0)] | None = None

    # Batches and queues.
    max_batch_size: PositiveInt | None = None  # images in one session.run
    # For which a batch waits for more images.
    max_batch_delay_ms: Annotated[float, Field(ge=0, le=_HOUR_MS, allow_inf_nan=False)] = 0.0
    max_pending_images: PositiveInt = 256  # in a worker, before it answers 503
    max_pending_explanations: PositiveInt = 8  # in a worker, before it answers 503
    max_images_per_request: PositiveInt = 64  # of /classify_batch

    # Time.
    deadline_ms: Milliseconds = 10_000  # from the last byte of a request until it gets 504
    header_timeout_ms: Milliseconds = 10_000  # that a request header may take to arrive
    body_timeout_ms: Milliseconds = 30_000  # that a request body may take to arrive
    start_timeout_ms: Milliseconds = 600_000  # that a worker may take to load the model
    # After SIGTERM: it serves on, but is not ready.
    drain_ms: Annotated[int, Field(ge=0, le=_HOUR_MS)] = 1_000

    # Bodies and images.
    max_body_bytes: PositiveInt = 20_000_000
    max_held_body_bytes: PositiveInt = 200_000_000  # of all requests that a worker holds
    max_pixels: PositiveInt = 25_000_000  # that decoding one image computes
    # Longer side of an image divided by its shorter side.
    max_aspect_ratio: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 20.0
    decode_cpu_ms: Milliseconds = 2_000  # of processor time, for the images of one request
    decode_memory_bytes: PositiveInt = 512_000_000  # that decoding an unusual image takes
    scaled_decode: bool = True  # decode large JPEGs at 1/2, 1/4 or 1/8 of their size

    # Who may ask, and what is logged.
    # Separated by commas; a client must send one of them.
    api_keys: Annotated[SecretStr, AfterValidator(_checked_keys)] = SecretStr("")
    pages_need_key: bool = False  # also /model, /metrics and the documents
    cors_origins: str = ""  # whose pages may ask, separated by commas; * for all
    access_log: Annotated[AccessLog, BeforeValidator(_access_log)] = AccessLog.OFF

    @property
    def keys(self) -> list[str]:
        """The API keys."""
        return _listed(self.api_keys.get_secret_value())

    @property
    def origins(self) -> list[str]:
        """The CORS origins."""
        return _listed(self.cors_origins)

    @property
    def decode_seconds(self) -> float:
        """Seconds of processor time that decoding the images of one request may take."""
        return self.decode_cpu_ms / 1000

    @property
    def deadline(self) -> float:
        """Seconds from the last byte of a request until it is answered 504."""
        return self.deadline_ms / 1000


def _listed(text: str) -> list[str]:
    return [entry for entry in (each.strip() for each in text.split(",")) if entry]


def load_settings() -> Settings:
    """Read the settings from the environment.

    Raises:
        StartupError: names each variable with a value that it cannot take.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise StartupError("; ".join(map(_problem, error.errors()))) from error


def _problem(error: ErrorDetails) -> str:
    """The variable, its value unless that is a secret, and what is wrong with it."""
    name = str(error["loc"][0])
    is_secret = isinstance(Settings.model_fields[name].default, SecretStr)
    value = "…" if is_secret else error["input"]
    return f"{PREFIX}{name.upper()}={value}: {error['msg']}"


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
