"""Every error of the service, in one tree, and what each means to a client.

The way of a request, and the errors each step may raise::

    HTTP body ──parse──▶ encoded bytes ──decode──▶ RGB image ──transform──▶ pixels
          RequestError              ImageError
    pixels ──queue──▶ batch ──session.run──▶ probabilities ──top-k──▶ response
          RunnerError              InferenceFailed

    ClassifierError
    ├── RequestError              what the client sent cannot be read
    │   ├── InvalidRequest        400  missing field, broken form, JSON or base64
    │   ├── Unauthorized          401
    │   ├── RouteNotFound         404
    │   ├── MethodNotAllowed      405
    │   ├── BodyTimeout           408
    │   ├── HeaderTimeout         408
    │   ├── BodyTooLarge          413
    │   ├── UnsupportedMediaType  415  content type or coding the service does not take
    │   ├── InvalidParameter      422  a parameter out of its bounds
    │   └── HeaderTooLarge        431
    ├── ImageError                the bytes are not an image the service takes
    │   ├── Unreadable            404  of a batch only: the system does not give the file
    │   ├── ImageTooLarge         413
    │   ├── UnsupportedImage      415
    │   ├── CorruptImage          422
    │   └── ExtremeAspectRatio    422
    ├── RunnerError               the service cannot answer now
    │   ├── Overloaded            503  with Retry-After
    │   ├── ModelUnavailable      503
    │   └── DeadlineExceeded      504
    └── InternalError             500  a defect of the service
        └── InferenceFailed       500

    StartupError                  refuses to start; never reaches a client

A :class:`ClassifierError`'s message is written for the client and is safe to send;
any other exception is logged and answered as :class:`InternalError`.
"""

import re
import shutil
from http import HTTPStatus
from typing import ClassVar, TypeVar

# Characters of a client's value that a message repeats.
_SHOWN = 20

_ERRNO = re.compile(r"\[Errno -?\d+\] ")

Value = TypeVar("Value")
Error = TypeVar("Error", bound=BaseException)


class StartupError(Exception):
    """The service cannot start as configured; the message says what to change."""


class ClassifierError(Exception):
    """An error with a message for the client.

    Attributes:
        status: the HTTP status it is answered with.
        code: the machine-readable name in the error envelope.
        headers: extra response headers.
    """

    status: ClassVar[HTTPStatus]
    code: ClassVar[str]

    def __init_subclass__(cls, *, status: int | None = None, code: str = "") -> None:
        """Without a status a class only groups others, and is never raised."""
        if status:
            cls.status, cls.code = HTTPStatus(status), code

    def __init__(self, message: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.headers = headers or {}

    def envelope(self) -> dict[str, dict[str, str]]:
        """The JSON body of every response that is not a success."""
        return error_envelope(self.code, self.message)


def reason_of(error: Exception) -> str:
    """What an error says, without the system's number: ``No space left on device``."""
    # copytree lists what it could not copy: source, target, reason.
    of_copytree = isinstance(error, shutil.Error) and isinstance(error.args[0], list)
    return _ERRNO.sub("", str(error.args[0][0][2] if of_copytree else error))


def value_or_raise(outcome: Value | BaseException) -> Value:
    """The value. An error is raised.

    Don't bind the outcome: exception, traceback and frame form a reference cycle that keeps the
    request's body alive until the next full collection.
    """
    if not isinstance(outcome, BaseException):
        return outcome
    try:
        raise outcome
    finally:
        del outcome


def without_traces(error: Error) -> Error:
    """The error, without its traceback and causes.

    They lead to frames that hold requests' bodies and decoded images, often in a reference cycle
    that only a full garbage collection would free.
    """
    error.__traceback__ = error.__cause__ = error.__context__ = None
    return error


def shortened(found: object) -> str:
    """A client's value as a message may repeat it."""
    if isinstance(found, (dict, list)):
        return "a JSON object" if isinstance(found, dict) else "a list"
    text = str(found)
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")


def error_envelope(code: str, message: str) -> dict[str, dict[str, str]]:
    """The one error envelope: ``{"error": {"code": …, "message": …}}``."""
    return {"error": {"code": code, "message": message}}


class RequestError(ClassifierError):
    """What the client sent cannot be read."""


class InvalidRequest(RequestError, status=400, code="invalid_request"):
    """A field is missing, or a form, JSON or base64 is broken."""


class Unauthorized(RequestError, status=401, code="unauthorized"):
    """No API key, or one that is not accepted."""


class RouteNotFound(RequestError, status=404, code="not_found"):
    """No such path."""


class MethodNotAllowed(RequestError, status=405, code="method_not_allowed"):
    """The path takes other methods."""


class BodyTimeout(RequestError, status=408, code="body_timeout"):
    """The body takes longer than ``CLASSIFIER_BODY_TIMEOUT_MS`` to arrive."""


class HeaderTimeout(RequestError, status=408, code="header_timeout"):
    """The header takes longer than ``CLASSIFIER_HEADER_TIMEOUT_MS`` to arrive."""


class HeaderTooLarge(RequestError, status=431, code="header_too_large"):
    """The request line and header have more bytes than the service takes."""


class BodyTooLarge(RequestError, status=413, code="body_too_large"):
    """More bytes than ``CLASSIFIER_MAX_BODY_BYTES``."""


class UnsupportedMediaType(RequestError, status=415, code="unsupported_media_type"):
    """A content type or coding the service does not take."""


class InvalidParameter(RequestError, status=422, code="invalid_parameter"):
    """``top_k`` or ``threshold`` out of its bounds or no number, or too many images."""


class ImageError(ClassifierError):
    """The bytes are not an image the service takes."""


class Unreadable(ImageError, status=404, code="unreadable"):
    """A file that the system does not give: in a batch, never over HTTP."""


class ImageTooLarge(ImageError, status=413, code="image_too_large"):
    """More pixels than ``CLASSIFIER_MAX_PIXELS``."""


class UnsupportedImage(ImageError, status=415, code="unsupported_image"):
    """No image in a format the service takes."""


class CorruptImage(ImageError, status=422, code="corrupt_image"):
    """Begins like an image but cannot be decoded."""


class ExtremeAspectRatio(ImageError, status=422, code="extreme_aspect_ratio"):
    """Longer and narrower than ``CLASSIFIER_MAX_ASPECT_RATIO``."""


class RunnerError(ClassifierError):
    """The service cannot answer now."""


class Overloaded(RunnerError, status=503, code="overloaded"):
    """More images wait than ``CLASSIFIER_MAX_PENDING_IMAGES`` allows, or for too long.

    Args:
        retry_after: seconds until the queue is expected to have room, at least 1.
    """

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message, headers={"retry-after": str(retry_after)})


class ModelUnavailable(RunnerError, status=503, code="model_unavailable"):
    """No model can classify now: loading, failed or shutting down."""


class DeadlineExceeded(RunnerError, status=504, code="deadline_exceeded"):
    """No answer within ``CLASSIFIER_DEADLINE_MS``."""


class InternalError(ClassifierError, status=500, code="internal_error"):
    """A defect of the service; the cause is in its log, never in the response."""


class InferenceFailed(InternalError, status=500, code="inference_failed"):
    """``session.run`` failed or gave the wrong shape."""
