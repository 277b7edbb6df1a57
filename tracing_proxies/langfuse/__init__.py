"""Langfuse beyond the upload of spans: a service by hand, the application's own SDK, scores, and the public API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracing_proxies.langfuse.service import LangfuseIntegrationService

__all__ = ["LangfuseIntegrationService"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from tracing_proxies.langfuse import service

        return getattr(service, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
