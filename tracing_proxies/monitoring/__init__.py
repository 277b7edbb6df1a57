"""Counts, durations and errors of what is traced, and of tracing itself: kept, read and exported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracing_proxies.monitoring.collector import MetricsCollector

__all__ = ["MetricsCollector", "metrics", "openmetrics_text", "prometheus_text"]


def prometheus_text() -> str:
    """Write what all processes of this application have counted in Prometheus's text format; "" where none is traced.

    It is for an application that has an HTTP server already: answer with it at ``/metrics``, in any of the processes.
    """
    from tracing_proxies.monitoring.current import monitor
    from tracing_proxies.monitoring.prometheus import write_text

    found = monitor()
    return "" if found is None else write_text(found.read_all())


def openmetrics_text() -> str:
    """Write the same as OpenMetrics, with the ids of recorded traces as exemplars."""
    from tracing_proxies.monitoring.current import monitor
    from tracing_proxies.monitoring.numbers import Numbers
    from tracing_proxies.monitoring.prometheus import write_openmetrics

    found = monitor()
    return write_openmetrics(Numbers() if found is None else found.read_all())


def metrics() -> MetricsCollector | None:
    """Return what reads the metrics of this process, None where nothing is traced."""
    from tracing_proxies.monitoring.current import monitor

    found = monitor()
    return None if found is None else found.collector


def __getattr__(name: str) -> Any:
    if name == "MetricsCollector":
        from tracing_proxies.monitoring.collector import MetricsCollector

        return MetricsCollector
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
