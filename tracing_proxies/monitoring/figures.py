"""Numbers as figures that people and dashboards read: by target, agent, workflow and destination, for each window."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from tracing_proxies.monitoring import catalogue, derived
from tracing_proxies.monitoring.catalogue import COUNTER, DERIVED, DISTRIBUTION
from tracing_proxies.monitoring.distribution import Distribution
from tracing_proxies.monitoring.numbers import Index, Numbers

_QUANTILES = (("p50", "0.5"), ("p90", "0.9"), ("p95", "0.95"), ("p99", "0.99"))


@attrs.frozen(eq=False, repr=False)
class Count:
    """What was counted within one stretch of time.

    Args:
        seconds: how long it is.
    """

    numbers: Numbers
    seconds: float
    _index: Index = attrs.field(init=False, default=attrs.Factory(lambda self: Index(self.numbers), takes_self=True))

    def value(self, metric: str, labels: Mapping[str, str] = {}) -> float | None:
        """Return what a metric says; None where there is no such series, or nothing to derive it of."""
        found = catalogue.find(metric)
        if found.kind == DERIVED:
            return derived.READ[metric](self, dict(labels))
        if found.kind == DISTRIBUTION:
            distribution = self.distribution(metric, labels)
            return None if distribution is None else distribution.count
        where = self.numbers.counters if found.kind == COUNTER else self.numbers.gauges
        values = [where[metric, series] for series in self._index.find(metric, labels)]
        if not values:
            return None
        merge = {catalogue.HIGHEST: max, catalogue.LOWEST: min}.get(found.merge, sum)
        return merge(values)

    def distribution(self, metric: str, labels: Mapping[str, str] = {}) -> Distribution | None:
        """Return a distribution; None where there is no such series."""
        where = self.numbers.distributions
        series = self._index.find(metric, labels)
        if not series:
            return None
        found = Distribution()
        for one in series:
            found = found.plus(where[metric, one])
        return found

    def labels(self, metric: str) -> list[dict[str, str]]:
        """Return the labels of each series of a metric that is counted or distributed."""
        found = catalogue.find(metric)
        return [dict(zip(found.labels, labels, strict=True)) for labels in sorted(self._index.find(metric, {}))]


def describe(windows: Mapping[str, Count]) -> dict[str, Any]:
    """Return figures in plain values.

    Args:
        windows: by name; ``start`` holds all since the start, and what is as it is now.
    """
    whole = windows["start"]
    estimated = bool(whole.value("tracing_proxies_estimated"))
    return {
        "processes": whole.value("tracing_proxies_processes"),
        "estimated": estimated,
        "targets": [
            {
                **labels,
                "in_flight": whole.value("tracing_proxies_calls_in_flight", labels),
                "windows": {name: _calls(count, labels) for name, count in windows.items()},
            }
            for labels in whole.labels("tracing_proxies_call_duration_seconds")
        ],
        "agents": [
            {**labels, "windows": {name: _agent(count, labels) for name, count in windows.items()}}
            for labels in whole.labels("tracing_proxies_agent_duration_seconds")
        ],
        "workflows": [
            {**labels, "windows": {name: _workflow(count, labels) for name, count in windows.items()}}
            for labels in whole.labels("tracing_proxies_workflow_duration_seconds")
        ],
        "conflict_resolution": whole.value("tracing_proxies_conflict_resolution_ratio"),
        **{
            key: [{**labels, "count": whole.value(metric, labels)} for labels in whole.labels(metric)]
            for key, metric in (
                ("tools", "tracing_proxies_tool_calls_total"),
                ("outcomes", "tracing_proxies_outcomes_total"),
                ("messages", "tracing_proxies_messages_total"),
                ("collaborations", "tracing_proxies_collaborations_total"),
                ("errors", "tracing_proxies_errors_total"),
            )
        },
        "confidence": [
            {**labels, **_quantiles(whole, "tracing_proxies_confidence_quantile", labels)}
            for labels in whole.labels("tracing_proxies_confidence")
        ],
        "tracing": {name: _itself(count, whole) for name, count in windows.items()},
    }


def _calls(count: Count, labels: Mapping[str, str]) -> dict[str, Any]:
    return {
        "calls": count.value("tracing_proxies_calls_total", labels) or 0,
        "errors": count.value("tracing_proxies_calls_total", {**labels, "outcome": "error"}) or 0,
        "error_ratio": count.value("tracing_proxies_error_ratio", labels),
        "per_second": count.value("tracing_proxies_calls_per_second", labels),
        **_quantiles(count, "tracing_proxies_call_duration_quantile_seconds", labels),
    }


def _agent(count: Count, labels: Mapping[str, str]) -> dict[str, Any]:
    return {
        "calls": count.value("tracing_proxies_agent_calls_total", labels) or 0,
        "error_ratio": count.value("tracing_proxies_agent_error_ratio", labels),
        **_quantiles(count, "tracing_proxies_agent_duration_quantile_seconds", labels),
    }


def _workflow(count: Count, labels: Mapping[str, str]) -> dict[str, Any]:
    return {
        "count": count.value("tracing_proxies_workflows_total", labels) or 0,
        "errors": count.value("tracing_proxies_workflows_total", {**labels, "outcome": "error"}) or 0,
        "coordination_efficiency": count.value("tracing_proxies_coordination_efficiency_ratio", labels),
        **_quantiles(count, "tracing_proxies_workflow_duration_quantile_seconds", labels),
    }


def _itself(count: Count, whole: Count) -> dict[str, Any]:
    return {
        "calls": count.value("tracing_proxies_calls_total") or 0,
        "errors": count.value("tracing_proxies_calls_total", {"outcome": "error"}) or 0,
        "calls_per_second": count.value("tracing_proxies_calls_per_second"),
        "events": count.value("tracing_proxies_events_total"),
        "events_per_second": count.value("tracing_proxies_events_per_second"),
        "produced": count.value("tracing_proxies_spans_produced_total") or 0,
        "worker_cpu": count.value("tracing_proxies_worker_cpu_ratio"),
        "masked": count.value("tracing_proxies_masked_total") or 0,
        "held_up": count.value("tracing_proxies_calls_held_up_total") or 0,
        "caller_cost": _quantiles(count, "tracing_proxies_caller_cost_quantile_seconds", {}),
        "sinks": {
            labels["sink"]: {
                **{
                    fate: count.value("tracing_proxies_spans_total", {**labels, "fate": fate}) or 0
                    for fate in ("delivered", "sampled_out", "dropped")
                },
                "success": count.value("tracing_proxies_trace_success_ratio", labels),
                **_quantiles(count, "tracing_proxies_send_duration_quantile_seconds", labels),
            }
            for labels in whole.labels("tracing_proxies_sink_healthy")
        },
    }


def _quantiles(count: Count, metric: str, labels: Mapping[str, str]) -> dict[str, float | None]:
    return {name: count.value(metric, {**labels, "quantile": quantile}) for name, quantile in _QUANTILES}
