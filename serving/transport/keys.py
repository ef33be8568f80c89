"""API keys: who may ask, where the deployer has set any."""

import hmac
from collections.abc import Iterable, Mapping

from errors import Unauthorized

_BEARER = "bearer "


class ApiKeys:
    """The keys that are accepted; several, so that one can be replaced without a gap.

    Args:
        keys: none at all lets everybody in.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        self._keys = [key.encode() for key in keys]

    def check(self, headers: Mapping[bytes, bytes]) -> None:
        """Look for a key in ``Authorization: Bearer …`` or ``X-API-Key``.

        Raises:
            Unauthorized: no key, or not one of ours.
        """
        if self._keys and not self._known(_given(headers)):
            raise Unauthorized(
                "an API key is needed, as Authorization: Bearer or X-API-Key",
                headers={"www-authenticate": "Bearer"},
            )

    def _known(self, given: bytes) -> bool:
        # Every key is compared, in constant time, so that timing tells nothing of them.
        matches = [hmac.compare_digest(given, key) for key in self._keys]
        return any(matches)


def _given(headers: Mapping[bytes, bytes]) -> bytes:
    authorization = headers.get(b"authorization", b"")
    if authorization[: len(_BEARER)].lower() == _BEARER.encode():
        return authorization[len(_BEARER) :].strip()
    return headers.get(b"x-api-key", b"")
