"""A running deployment, asked over HTTP."""

import json
import re
import ssl
from typing import Any, Self

import httpx

from deployment_check.checks import Failed
from deployment_check.contract import Contract
from deployment_check.options import KEY_VARIABLE, Options

DEFAULT_ARCHITECTURE = "efficientnet_lite0"
"""Of the model whose answers to the test images are known."""

TIMEOUT = 60.0  # seconds: above the service's own deadline, and most proxies'
_SHOWN = 120

_LEAST_OF_KEY = 8  # characters: a text may be cut off within a key, and show no more than this
_UNAUTHORIZED = 401
_ERRNO = re.compile(r"^\[Errno -?\d+\] ")


class Unusable(Exception):
    """Nothing can be checked: there is no answer, or the key is not accepted."""


class Deployment:
    """A running deployment; Unusable if nobody answers, or the key is not accepted."""

    def __init__(self, options: Options) -> None:
        self.options = options
        tls = ssl.create_default_context()
        self.client = _client(options, options.api_key, tls)
        self.anonymous = _client(options, None, tls)  # sends no key
        try:
            self._connect()
        except Unusable:
            self.close()
            raise
        self.health = self._object("/health")  # empty if the answer is not a JSON object
        document = self._object("/docs.json")
        self.contract = Contract(document) if document else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self.client.close()
        self.anonymous.close()

    @property
    def why_answers_are_unknown(self) -> str | None:
        """Why the right answers are not known; None for the default model, whose answers are."""
        if self.health.get("architecture") != DEFAULT_ARCHITECTURE:
            model = self.health.get("model", "an unknown model")
            return f"{model} is not the default model, {DEFAULT_ARCHITECTURE}"
        return None if self.health.get("pretrained") else "the model has random weights"

    def ask(self, method: str, path: str, status: int = 200, **request: Any) -> httpx.Response:
        """Send a request; fail unless the answer has the status and agrees with the document."""
        response = self.client.request(method, path, **request)
        if response.status_code != status:
            raise Failed(f"{shown(response)}, not {status}")
        self.hold_to_contract(method, path, response)
        return response

    def hold_to_contract(self, method: str, path: str, response: httpx.Response) -> None:
        """Fail if an answer is not what the deployment's document describes."""
        if self.contract:
            problems = self.contract.problems(method, path, response)
            if problems:
                raise Failed(f"{'; '.join(problems[:3])} in {shown(response)}")

    def classify(self, image: bytes, **request: Any) -> dict[str, Any]:
        """The answer to an image sent as the body."""
        response = self.ask("POST", "/classify", content=image, **request)
        answer: dict[str, Any] = self.content(response)
        return answer

    def content(self, response: httpx.Response) -> Any:
        """The JSON of an answer, redacted; a ValueError if it is not JSON."""
        return json.loads(self.redacted(response.text))

    def redacted(self, text: str) -> str:
        """The text without the API key and its beginnings: a server might send them back."""
        key = self.options.api_key or ""
        for length in range(len(key), min(len(key), _LEAST_OF_KEY) - 1, -1):
            text = text.replace(key[:length], "…") if length else text
        return text

    def _connect(self) -> None:
        try:
            self.client.get("/livez")
        except httpx.HTTPError as error:
            reason = _ERRNO.sub("", str(error))
            raise Unusable(f"{self.options.url} does not answer: {reason}") from error
        self.asks_for_key = _is_refused(self.anonymous)
        if _is_refused(self.client):
            advice = "is not accepted" if self.options.api_key else "is needed"
            raise Unusable(f"an API key {advice}; give it as {KEY_VARIABLE} or --api-key")

    def _object(self, path: str) -> dict[str, Any]:
        try:
            content = self.content(self.client.get(path))
        except (httpx.HTTPError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}


def shown(response: httpx.Response) -> str:
    """The beginning of an answer, for a message."""
    text = " ".join(response.text.split())
    return f"{response.status_code} {text[:_SHOWN]!r}"


def authorization(api_key: str | None) -> dict[str, str]:
    """The headers that carry a key."""
    return {"authorization": f"Bearer {api_key}"} if api_key else {}


def _client(options: Options, api_key: str | None, tls: ssl.SSLContext) -> httpx.Client:
    return httpx.Client(
        base_url=options.url,
        headers=authorization(api_key),
        timeout=TIMEOUT,
        verify=tls,
        trust_env=not options.is_loopback,
    )


def _is_refused(client: httpx.Client) -> bool:
    try:
        return client.post("/classify").status_code == _UNAUTHORIZED
    except httpx.HTTPError:
        return False
