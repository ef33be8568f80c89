"""API keys: checked if the deployer has set any, on the paths that need one."""

import hmac
from collections.abc import Iterable, Mapping

from errors import Unauthorized
from serving.api import dialects
from serving.metrics.requests import OTHER

_BEARER = "bearer "

_PROBES = frozenset({"/livez", "/readyz", "/healthz", "/health", *dialects.PROBES})
SITE, SITE_FOLDER, DOCUMENTS = "/", "/page/", "/docs"
"""The page for people, its files, and BentoML's page of the API. The first two are the same in all
deployments and need no key: the page asks for it."""

_PAGES = frozenset({SITE, DOCUMENTS, "/docs.json", "/schema.json"})
_FOLDERS = (SITE_FOLDER, "/static_content/", "/assets/")
# Endpoints that need a key only if pages do.
_LIKE_PAGES = frozenset({"/metrics", "/model"})


def is_page(path: str) -> bool:
    """Whether the site or BentoML's application answers."""
    return path in _PROBES or path in _PAGES or path.startswith(_FOLDERS)


def page_label(path: str) -> str:
    """A page's path in metrics and logs. All unknown paths share one label."""
    if path in _PROBES or path in _PAGES:
        return path
    return next((folder for folder in _FOLDERS if path.startswith(folder)), OTHER)


class ApiKeys:
    """The accepted keys. There can be several, so that one is replaced without downtime.

    Args:
        keys: if empty, every client is accepted.
        pages_need_key: whether pages and documents need one, too.
    """

    def __init__(self, keys: Iterable[str], *, pages_need_key: bool) -> None:
        self._keys = [key.encode() for key in keys]
        self._pages_need_key = pages_need_key

    def check(self, path: str, headers: Mapping[bytes, bytes], *, of_page: bool) -> None:
        """Look for a key in ``Authorization: Bearer …`` or ``X-API-Key``, where one is needed.

        Args:
            path: of the request.
            headers: of the request.
            of_page: whether a page answers it, not an endpoint.

        Raises:
            Unauthorized: no key, or an unknown one.
        """
        if self._keys and self._asks(path, of_page=of_page) and not self._known(_given(headers)):
            raise Unauthorized(
                "an API key is needed, as Authorization: Bearer or X-API-Key",
                headers={"www-authenticate": "Bearer"},
            )

    def _asks(self, path: str, *, of_page: bool) -> bool:
        of_site = of_page and (path == SITE or path.startswith(SITE_FOLDER))
        if path in _PROBES or of_site:
            return False
        return self._pages_need_key or not (of_page or path in _LIKE_PAGES)

    def _known(self, given: bytes) -> bool:
        # Compare all keys in constant time: the response time must not reveal them.
        matches = [hmac.compare_digest(given, key) for key in self._keys]
        return any(matches)


def _given(headers: Mapping[bytes, bytes]) -> bytes:
    authorization = headers.get(b"authorization", b"")
    if authorization[: len(_BEARER)].lower() == _BEARER.encode():
        return authorization[len(_BEARER) :].strip()
    return headers.get(b"x-api-key", b"")
