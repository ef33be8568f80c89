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

from http import HTTPStatus
from typing import ClassVar, TypeVar

INTERRUPTED = 130
"""Exit status of a command after Ctrl-C, as shells count SIGINT."""

# Characters of a client's value that a message repeats.
_SHOWN = 20

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

    def __init__(self, message: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.headers = headers or {}

    def envelope(self) -> dict[str, dict[str, str]]:
        """The JSON body of every response that is not a success."""
        return error_envelope(self.code, self.message)


def value_or_raise(outcome: Value | BaseException) -> Value:
    """What came; raised, if it is an error.

    Callers keep no variable of it: an error, its traceback and a frame that knows the error
    are a circle, which would hold the request's body until a full garbage collection.
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


class InvalidRequest(RequestError):
    """A field is missing, or a form, JSON or base64 is broken."""

    status = HTTPStatus.BAD_REQUEST
    code = "invalid_request"


class Unauthorized(RequestError):
    """No API key, or one that is not accepted."""

    status = HTTPStatus.UNAUTHORIZED
    code = "unauthorized"


class RouteNotFound(RequestError):
    """No such path."""

    status = HTTPStatus.NOT_FOUND
    code = "not_found"


class MethodNotAllowed(RequestError):
    """The path takes other methods."""

    status = HTTPStatus.METHOD_NOT_ALLOWED
    code = "method_not_allowed"


class BodyTimeout(RequestError):
    """The body takes longer than ``CLASSIFIER_BODY_TIMEOUT_MS`` to arrive."""

    status = HTTPStatus.REQUEST_TIMEOUT
    code = "body_timeout"


class HeaderTimeout(RequestError):
    """The header takes longer than ``CLASSIFIER_HEADER_TIMEOUT_MS`` to arrive."""

    status = HTTPStatus.REQUEST_TIMEOUT
    code = "header_timeout"


class HeaderTooLarge(RequestError):
    """The request line and header have more bytes than the service takes."""

    status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    code = "header_too_large"


class BodyTooLarge(RequestError):
    """More bytes than ``CLASSIFIER_MAX_BODY_BYTES``."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code = "body_too_large"


class UnsupportedMediaType(RequestError):
    """A content type or coding the service does not take."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    code = "unsupported_media_type"


class InvalidParameter(RequestError):
    """``top_k`` or ``threshold`` out of its bounds or no number, or too many images."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "invalid_parameter"


class ImageError(ClassifierError):
    """The bytes are not an image the service takes."""


class Unreadable(ImageError):
    """A file that the system does not give: in a batch, never over HTTP."""

    status = HTTPStatus.NOT_FOUND
    code = "unreadable"


class ImageTooLarge(ImageError):
    """More pixels than ``CLASSIFIER_MAX_PIXELS``."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code = "image_too_large"


class UnsupportedImage(ImageError):
    """No image in a format the service takes."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    code = "unsupported_image"


class CorruptImage(ImageError):
    """Begins like an image but cannot be decoded."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "corrupt_image"


class ExtremeAspectRatio(ImageError):
    """Longer and narrower than ``CLASSIFIER_MAX_ASPECT_RATIO``."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "extreme_aspect_ratio"


class RunnerError(ClassifierError):
    """The service cannot answer now."""


class Overloaded(RunnerError):
    """More images wait than ``CLASSIFIER_MAX_PENDING_IMAGES`` allows, or for too long.

    Args:
        retry_after: seconds until the queue is expected to have room, at least 1.
    """

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "overloaded"

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message, headers={"retry-after": str(retry_after)})


class ModelUnavailable(RunnerError):
    """No model can classify now: loading, failed or shutting down."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "model_unavailable"


class DeadlineExceeded(RunnerError):
    """No answer within ``CLASSIFIER_DEADLINE_MS``."""

    status = HTTPStatus.GATEWAY_TIMEOUT
    code = "deadline_exceeded"


class InternalError(ClassifierError):
    """A defect of the service; the cause is in its log, never in the response."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    code = "internal_error"


class InferenceFailed(InternalError):
    """``session.run`` failed or gave the wrong shape."""

    code = "inference_failed"
