"""How metrics are made of others when they are read: shares, rates and quantiles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Protocol

from tracing_proxies.monitoring import catalogue
from tracing_proxies.monitoring.distribution import Distribution

Read = Callable[["Reading", dict[str, str]], float | None]
_MEDIAN: Final = "0.5"
_COST: Final = "tracing_proxies_caller_cost_seconds"


class Reading(Protocol):
    """One window, as it is read."""

    @property
    def seconds(self) -> float: ...

    def value(self, metric: str, labels: dict[str, str]) -> float | None: ...

    def distribution(self, metric: str, labels: dict[str, str]) -> Distribution | None: ...


def _share(metric: str, **part: str) -> Read:
    """Return what reads which share of a counter falls to a part of its series."""

    def read(reading: Reading, labels: dict[str, str]) -> float | None:
        whole = reading.value(metric, labels)
        if not whole:
            return None
        return (reading.value(metric, {**labels, **part}) or 0.0) / whole

    return read


def _ratio(part: str, whole: str) -> Read:
    def read(reading: Reading, labels: dict[str, str]) -> float | None:
        one, other = reading.value(part, labels), reading.value(whole, labels)
        return None if one is None or not other else one / other

    return read


def _per_second(metric: str) -> Read:
    def read(reading: Reading, labels: dict[str, str]) -> float | None:
        counted, seconds = reading.value(metric, labels), reading.seconds
        return None if counted is None or not seconds else counted / seconds

    return read


def _quantile(metric: str) -> Read:
    unit = catalogue.find(metric).unit

    def read(reading: Reading, labels: dict[str, str]) -> float | None:
        rest = {name: value for name, value in labels.items() if name != "quantile"}
        found = reading.distribution(metric, rest)
        size = None if found is None else found.quantile(float(labels.get("quantile", _MEDIAN)))
        return None if size is None else size / unit

    return read


def _trace_success(reading: Reading, labels: dict[str, str]) -> float | None:
    delivered = reading.value("tracing_proxies_spans_total", {**labels, "fate": "delivered"}) or 0.0
    dropped = reading.value("tracing_proxies_spans_total", {**labels, "fate": "dropped"}) or 0.0
    return delivered / (delivered + dropped) if delivered + dropped else None


def _agent_overhead(reading: Reading, labels: dict[str, str]) -> float | None:
    """Take all spans for agents': what is recorded besides makes it more, and never less, than it is."""
    costs = reading.distribution(_COST, {})
    spans = reading.value("tracing_proxies_spans_recorded_total", {})
    calls = reading.value("tracing_proxies_calls_total", {"observation": "agent"})
    if costs is None or not costs.count or spans is None or not calls:
        return None
    return costs.total / costs.count / catalogue.find(_COST).unit * spans / calls


def _conflict_resolution(reading: Reading, labels: dict[str, str]) -> float | None:
    detected = reading.value("tracing_proxies_conflicts_total", {"state": "detected"})
    resolved = reading.value("tracing_proxies_conflicts_total", {"state": "resolved"})
    return None if not detected or resolved is None else min(1.0, resolved / detected)


READ: Final[Mapping[str, Read]] = MappingProxyType(
    {
        "tracing_proxies_calls_per_second": _per_second("tracing_proxies_calls_total"),
        "tracing_proxies_events_per_second": _per_second("tracing_proxies_events_total"),
        "tracing_proxies_error_ratio": _share("tracing_proxies_calls_total", outcome="error"),
        "tracing_proxies_call_duration_quantile_seconds": _quantile("tracing_proxies_call_duration_seconds"),
        "tracing_proxies_agent_error_ratio": _share("tracing_proxies_agent_calls_total", outcome="error"),
        "tracing_proxies_agent_duration_quantile_seconds": _quantile("tracing_proxies_agent_duration_seconds"),
        "tracing_proxies_confidence_quantile": _quantile("tracing_proxies_confidence"),
        "tracing_proxies_conflict_resolution_ratio": _conflict_resolution,
        "tracing_proxies_coordination_efficiency_ratio": _ratio(
            "tracing_proxies_agent_busy_seconds_total", "tracing_proxies_coordinated_seconds_total"
        ),
        "tracing_proxies_workflow_duration_quantile_seconds": _quantile("tracing_proxies_workflow_duration_seconds"),
        "tracing_proxies_caller_cost_quantile_seconds": _quantile(_COST),
        "tracing_proxies_agent_overhead_seconds": _agent_overhead,
        "tracing_proxies_send_duration_quantile_seconds": _quantile("tracing_proxies_send_duration_seconds"),
        "tracing_proxies_trace_success_ratio": _trace_success,
        "tracing_proxies_worker_cpu_ratio": _per_second("tracing_proxies_worker_cpu_seconds_total"),
        "tracing_proxies_spool_fill_ratio": _ratio("tracing_proxies_spool_bytes", "tracing_proxies_spool_max_bytes"),
    }
)

BASES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "tracing_proxies_calls_per_second": ("tracing_proxies_calls_total",),
        "tracing_proxies_events_per_second": ("tracing_proxies_events_total",),
        "tracing_proxies_error_ratio": ("tracing_proxies_calls_total",),
        "tracing_proxies_call_duration_quantile_seconds": ("tracing_proxies_call_duration_seconds",),
        "tracing_proxies_agent_error_ratio": ("tracing_proxies_agent_calls_total",),
        "tracing_proxies_agent_duration_quantile_seconds": ("tracing_proxies_agent_duration_seconds",),
        "tracing_proxies_confidence_quantile": ("tracing_proxies_confidence",),
        "tracing_proxies_conflict_resolution_ratio": ("tracing_proxies_conflicts_total",),
        "tracing_proxies_coordination_efficiency_ratio": ("tracing_proxies_coordinated_seconds_total",),
        "tracing_proxies_workflow_duration_quantile_seconds": ("tracing_proxies_workflow_duration_seconds",),
        "tracing_proxies_caller_cost_quantile_seconds": (_COST,),
        "tracing_proxies_agent_overhead_seconds": (_COST,),
        "tracing_proxies_send_duration_quantile_seconds": ("tracing_proxies_send_duration_seconds",),
        "tracing_proxies_trace_success_ratio": ("tracing_proxies_spans_total",),
        "tracing_proxies_worker_cpu_ratio": ("tracing_proxies_worker_cpu_seconds_total",),
        "tracing_proxies_spool_fill_ratio": ("tracing_proxies_spool_max_bytes",),
    }
)
"""Of which metrics each is made: its series are theirs."""
