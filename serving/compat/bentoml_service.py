"""BentoML's service class, whose application and documents this service replaces.

``bentoml.service(service_class=…)`` is public, the class it wants is not:
:class:`WrappedService` overrides ``to_asgi``, ``doc``, ``schema`` and ``openapi_spec`` of
``_bentoml_sdk.Service`` and reads ``inner`` and ``bento``. The types of the OpenAPI document
come from ``bentoml._internal.service.openapi.specification``.
"""

from functools import cached_property
from typing import Any

from _bentoml_sdk import Service
from bentoml._internal.service.openapi.specification import (
    Components,
    OpenAPISpecification,
    PathItem,
)
from starlette.types import ASGIApp

__all__ = ["Components", "OpenAPISpecification", "PathItem", "WrappedService"]


class WrappedService(Service):
    """A service whose subclass wraps its application and rewrites its OpenAPI document."""

    def wrapped(self, app: ASGIApp) -> ASGIApp:
        """Wrap BentoML's application; clients reach what this returns."""
        raise NotImplementedError

    def described(self, document: OpenAPISpecification) -> OpenAPISpecification:
        """Rewrite BentoML's OpenAPI document."""
        raise NotImplementedError

    def model_of_bento(self, name: str) -> str | None:
        """The tag of the model of a name that was packed into the Bento; None outside a Bento."""
        models = self.bento.info.all_models if self.bento is not None else ()
        return next((str(model.tag) for model in models if model.tag.name == name), None)

    def to_asgi(self, is_main: bool = True) -> ASGIApp:
        """The application; only the one that clients reach is wrapped."""
        app: ASGIApp = super().to_asgi(is_main=is_main)
        return self.wrapped(app) if is_main else app

    @property
    def doc(self) -> str:
        """The description in the OpenAPI document."""
        return str(self.inner.__doc__)

    @cached_property
    def openapi_spec(self) -> OpenAPISpecification:
        """The OpenAPI document, built once: that takes 0.1 s, and anyone may ask for it."""
        return self.described(super().openapi_spec)

    def schema(self) -> dict[str, Any]:
        """What ``/schema.json`` answers, built once: that takes 30 ms, and anyone may ask."""
        return self._schema

    @cached_property
    def _schema(self) -> dict[str, Any]:
        return dict(super().schema())
