"""API keys: checked if the deployer has set any."""

import hmac
from collections.abc import Iterable, Mapping

from errors import Unauthorized

_BEARER = "bearer "


class ApiKeys:
    """The accepted keys. There can be several, so that one is replaced without downtime.

    Args:
        keys: if empty, every client is accepted.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        self._keys = [key.encode() for key in keys]

    def check(self, headers: Mapping[bytes, bytes]) -> None:
        """Look for a key in ``Authorization: Bearer …`` or ``X-API-Key``.

        Raises:
            Unauthorized: no key, or an unknown one.
        """
        if self._keys and not self._known(_given(headers)):
            raise Unauthorized(
                "an API key is needed, as Authorization: Bearer or X-API-Key",
                headers={"www-authenticate": "Bearer"},
            )

    def _known(self, given: bytes) -> bool:
        # Compare all keys in constant time: the response time must not reveal them.
        matches = [hmac.compare_digest(given, key) for key in self._keys]
        return any(matches)


def _given(headers: Mapping[bytes, bytes]) -> bytes:
    authorization = headers.get(b"authorization", b"")
    if authorization[: len(_BEARER)].lower() == _BEARER.encode():
        return authorization[len(_BEARER) :].strip()
    return headers.get(b"x-api-key", b"")
