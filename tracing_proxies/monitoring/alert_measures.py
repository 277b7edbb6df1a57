"""What a rule's metric is, of the metrics that are collected: read within the process, and asked for in PromQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Final, Protocol

import attrs

from tracing_proxies.monitoring.alert_judging import LEAST_RISE, SIGMAS, UNKNOWN, Reading
from tracing_proxies.registry.alert_rules import AlertRule
from tracing_proxies.registry.alerting import DURATION, RATE

_AGENT: Final = "agent"
_CALLS: Final = "tracing_proxies_calls_total"
_ON: Final = "tracing_proxies_on"


class Collector(Protocol):
    """What is asked of the collected metrics."""

    def read(self, metric: str, window: float, *, before: float = 0.0, **labels: str) -> float | None: ...

    def labels(self, metric: str) -> list[dict[str, str]]: ...


@attrs.frozen
class _Source:
    """Where one metric of rules comes from.

    Args:
        metric: its name among the collected ones.
        labels: the series that are taken together.
        promql: the same in PromQL; ``%(window)s`` stands for a range, ``%(only)s`` and ``%(also)s`` for the labels of
            agents.
    """

    metric: str
    promql: str
    labels: Mapping[str, str] = MappingProxyType({})


def _quantile(quantile: str) -> _Source:
    promql = (
        f"histogram_quantile({quantile}, sum by (le, target) "
        "(rate(tracing_proxies_call_duration_seconds_bucket%(only)s[%(window)s])))"
    )
    return _Source("tracing_proxies_call_duration_quantile_seconds", promql, {"quantile": quantile})


def _grown(series: str, by: str = "") -> str:
    """Return by how much counters have grown: one that has come into being within the window, from 0."""
    fresh = f"({series} unless {series} offset %(window)s)"
    return f"sum{by} ({fresh} or increase({series}[%(window)s]))"


def _failed(only: str, by: str = "") -> str:
    errors = _grown(f'{_CALLS}{{{only}outcome="error"}}', by)
    return f"{errors} / {_grown(f'{_CALLS}{{{only}}}', by)}"


def _grown_of_cost(part: str) -> str:
    return f"increase(tracing_proxies_caller_cost_seconds_{part}[%(window)s])"


_DROPPED: Final = 'tracing_proxies_spans_total{fate="dropped"}'
_ENDED: Final = 'tracing_proxies_spans_total{fate=~"delivered|dropped"}'
_HELD: Final = "tracing_proxies_calls_held_up_total"
_RECORDED: Final = "tracing_proxies_spans_recorded_total"
_AGENTS: Final = f'{_CALLS}{{observation="agent"}}'
_TARGET: Final = " by (target)"
_SINK: Final = " by (sink)"
SOURCES: Final[Mapping[str, _Source]] = MappingProxyType(
    {
        "agent_error_rate": _Source("tracing_proxies_error_ratio", _failed("%(also)s", _TARGET)),
        "agent_latency_p50": _quantile("0.5"),
        "agent_latency_p95": _quantile("0.95"),
        "agent_latency_p99": _quantile("0.99"),
        "agent_throughput": _Source(
            "tracing_proxies_calls_per_second", f"sum by (target) (rate({_CALLS}%(only)s[%(window)s]))"
        ),
        "throughput": _Source("tracing_proxies_calls_per_second", f"sum(rate({_CALLS}[%(window)s]))"),
        "error_rate": _Source("tracing_proxies_error_ratio", _failed("")),
        "calls_held_up": _Source(_HELD, _grown(_HELD, _TARGET)),
        "agent_overhead": _Source(
            "tracing_proxies_agent_overhead_seconds",
            f"sum({_grown_of_cost('sum')}) / sum({_grown_of_cost('count')}) * {_grown(_RECORDED)} / {_grown(_AGENTS)}",
        ),
        "trace_success": _Source(
            "tracing_proxies_trace_success_ratio",
            f"1 - {_grown(_DROPPED, _SINK)} / {_grown(_ENDED, _SINK)}",
        ),
        "langfuse_reachable": _Source(
            "tracing_proxies_sink_healthy",
            'min(tracing_proxies_sink_healthy{sink="langfuse"})',
            {"sink": "langfuse"},
        ),
        "delivery_lag": _Source("tracing_proxies_delivery_lag_seconds", "max(tracing_proxies_delivery_lag_seconds)"),
        "clock_skew": _Source("tracing_proxies_clock_skew_seconds", "max(tracing_proxies_clock_skew_seconds)"),
        "spool_fill": _Source(
            "tracing_proxies_spool_fill_ratio",
            "max by (sink) (tracing_proxies_spool_bytes / tracing_proxies_spool_max_bytes)",
        ),
        "degradation": _Source("tracing_proxies_sampling_step", "max(tracing_proxies_sampling_step)"),
        "internal_failures": _Source(
            "tracing_proxies_failures_total", "sum(rate(tracing_proxies_failures_total[%(window)s]))"
        ),
    }
)


class Measures:
    """Reads what rules watch.

    Args:
        collector: the collected metrics.
        reachable: tells whether the Langfuse server answers, by asking it, where nothing was sent lately; None where
            there is none or that is not known.
    """

    def __init__(self, collector: Collector, reachable: Callable[[], bool | None] = lambda: None) -> None:
        self._collector = collector
        self._reachable = reachable

    def read(self, rule: AlertRule, subject: str) -> Reading:
        """Return what a rule's metric is for a subject: the target of an agent's calls, or "" for the whole."""
        if rule.measure.calls and self._ask(_ON, rule.window, {}) == 0:
            return UNKNOWN  # tracing is switched off: what is called is not counted
        source = SOURCES[rule.metric]
        labels = {"observation": _AGENT, "target": subject} if rule.measure.by_agent else {}
        value = self._ask(source.metric, rule.window, {**source.labels, **labels})
        if rule.metric == "langfuse_reachable":
            asked = self._reachable()
            value = value if asked is None else min(float(asked), 1.0 if value is None else value)
        elif rule.metric == "internal_failures" and value is not None:
            value /= rule.window
        calls = self._ask(_CALLS, rule.window, labels) if rule.measure.calls else None
        return Reading(value, calls)

    def _ask(self, metric: str, window: float, labels: Mapping[str, str]) -> float | None:
        return self._collector.read(metric, window, **labels)  # type: ignore[arg-type]  # none is named `before`

    def subjects(self, rule: AlertRule) -> list[str]:
        """Return the targets of agents that a rule is about: by target, by name in its class, or by the span's name."""
        found = [series for series in self._collector.labels(_CALLS) if series["observation"] == _AGENT]
        return list(dict.fromkeys(series["target"] for series in found if _is_meant(rule.agent, series)))


def _is_meant(pattern: str, series: Mapping[str, str]) -> bool:
    target = series["target"]
    return any(fnmatchcase(name, pattern) for name in (target, target.partition(":")[2], series["name"]))


def to_promql(rule: AlertRule) -> str:
    """Write when a rule is wrong in PromQL.

    A baseline is what it is within the process: the median of what the metric was in the time before its window.
    """
    measure, now = rule.measure, _ask(rule)
    window, span, step = _seconds(rule.window), _seconds(rule.baseline), _seconds(max(rule.window / 5, 1.0))
    usual = f"quantile_over_time(0.5, {now}[{span}:{step}] offset {window})"
    if rule.comparison in ("above", "below"):
        wrong = f"{now} {'>' if rule.comparison == 'above' else '<'} {rule.limit:.10g}"
    elif rule.comparison == "rises":
        wrong = f"{now} > {1 + rule.limit:.10g} * {usual}"
        if measure.unit == DURATION:
            wrong += f" and {now} - {usual} > {LEAST_RISE:.10g}"
    else:
        wrong = f"{now} < {1 - rule.limit:.10g} * {usual}"
        if measure.unit == RATE:
            size = f"{rule.window:.10g}"
            wrong += f" and ({usual} - {now}) * {size} > {SIGMAS:.10g} * sqrt({usual} * {size})"
    if rule.at_least:
        by = _TARGET if measure.by_agent else ""
        only = _only(rule) if measure.by_agent else ""
        wrong += f" and sum{by} (increase({_CALLS}{only}[{window}])) >= {rule.at_least}"
    if rule.comparison == "drops" and measure.calls:
        wrong += f" unless on () (min({_ON}) == 0)"  # tracing is switched off: what is called is not counted
    return wrong


def _ask(rule: AlertRule) -> str:
    only = _only(rule)
    return (
        f"({SOURCES[rule.metric].promql % {'window': _seconds(rule.window), 'only': only, 'also': only[1:-1] + ','}})"
    )


def _only(rule: AlertRule) -> str:
    if rule.agent == "*":
        return '{observation="agent"}'
    pattern = "".join({"*": ".*", "?": "."}.get(c, c if c.isalnum() or c == "_" else "\\\\" + c) for c in rule.agent)
    return f'{{observation="agent",target=~"(.*:)?{pattern}"}}'


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f}s"
