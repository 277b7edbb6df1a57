"""Counts, durations and errors of what is traced, and of tracing itself: kept, read and exported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracing_proxies.monitoring.collector import MetricsCollector

__all__ = ["MetricsCollector"]


def __getattr__(name: str) -> Any:
    if name == "MetricsCollector":
        from tracing_proxies.monitoring.collector import MetricsCollector

        return MetricsCollector
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
