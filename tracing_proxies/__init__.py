"""Traces Python agent applications from one YAML file, without touching their source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracing_proxies.runtime import activate, deactivate, flush, reload, score, status

__all__ = ["activate", "deactivate", "flush", "reload", "score", "status"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from tracing_proxies import runtime

        return getattr(runtime, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
