"""Every metric that there is: its name, its kind, its labels, and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import attrs

COUNTER: Final = "counter"
GAUGE: Final = "gauge"
DISTRIBUTION: Final = "histogram"
DERIVED: Final = "derived"
"""Made of others when it is read. Of these the quantiles are exported: PromQL makes the others itself."""

SUM: Final = "sum"
HIGHEST: Final = "highest"
LOWEST: Final = "lowest"

QUANTILES: Final = ("0.5", "0.9", "0.95", "0.99")
_SECONDS: Final = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
)  # fmt: skip
_SHORT_SECONDS: Final = (1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 1e-2, 1e-1)
_SHARES: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@attrs.frozen(eq=False, repr=False)
class Metric:
    """One metric.

    Args:
        kind: a counter, a gauge, a distribution, or what is derived of them.
        labels: the names of the labels that its series have.
        help: what it says, in one sentence.
        merge: what the numbers of several processes become; for gauges.
        bounds: the upper bounds of a distribution's buckets where it is exported as a histogram.
        unit: what a distribution's numbers are multiplied by to be kept as whole numbers.
        estimate: whether it is read from recorded spans, so that it is an estimate where sampling leaves some out.
    """

    name: str
    kind: str
    labels: tuple[str, ...]
    help: str
    merge: str = SUM
    bounds: tuple[float, ...] = ()
    unit: float = 1e9
    estimate: bool = False


_CALL = ("target", "name", "observation")

METRICS: Final[tuple[Metric, ...]] = (
    # The application, counted exactly at every call, whatever sampling leaves out.
    Metric("tracing_proxies_calls_total", COUNTER, (*_CALL, "outcome"),
           "Calls that have ended, by target, name of the span and outcome, ok or error."),
    Metric("tracing_proxies_call_duration_seconds", DISTRIBUTION, _CALL, "How long calls took.", bounds=_SECONDS),
    Metric("tracing_proxies_calls_in_flight", GAUGE, _CALL,
           "Calls that are under way; absent where sampling lets calls begin without a span."),
    Metric("tracing_proxies_events_total", COUNTER, ("target", "name", "outcome"),
           "Events that were processed: calls of the targets that begin a trace of their own."),
    # The application, read from recorded spans.
    Metric("tracing_proxies_agent_calls_total", COUNTER, ("agent", "source", "outcome"),
           "Calls of agents by the agent's own name and by what triggered them.", estimate=True),
    Metric("tracing_proxies_agent_duration_seconds", DISTRIBUTION, ("agent",),
           "How long agents took.", bounds=_SECONDS, estimate=True),
    Metric("tracing_proxies_tool_calls_total", COUNTER, ("agent", "tool", "source", "outcome"),
           "Calls of tools by the agent that made them and by what triggered it.", estimate=True),
    Metric("tracing_proxies_errors_total", COUNTER, ("name", "observation", "how"),
           "Spans that ended in an error, which was raised or returned.", estimate=True),
    Metric("tracing_proxies_confidence", DISTRIBUTION, ("name", "observation"),
           "The confidence that agents and tools have given for what they decided.",
           bounds=_SHARES, unit=1e6, estimate=True),
    Metric("tracing_proxies_outcomes_total", COUNTER, ("name", "key", "value"),
           "What was decided, by the name of the outcome and its value, where that is a short text or a truth value.",
           estimate=True),
    Metric("tracing_proxies_collaborations_total", COUNTER, ("workflow", "outcome"),
           "Collaborations of several agents.", estimate=True),
    Metric("tracing_proxies_collaboration_duration_seconds", DISTRIBUTION, ("workflow",),
           "How long collaborations took.", bounds=_SECONDS, estimate=True),
    Metric("tracing_proxies_messages_total", COUNTER, ("sender", "recipient", "outcome"),
           "Messages between agents.", estimate=True),
    Metric("tracing_proxies_conflicts_total", COUNTER, ("state",),
           "Conflicts between agents that were detected, and those that were resolved.", estimate=True),
    Metric("tracing_proxies_workflows_total", COUNTER, ("workflow", "source", "outcome"),
           "Traces that have ended, by the name of the first span and by what triggered them.", estimate=True),
    Metric("tracing_proxies_workflow_duration_seconds", DISTRIBUTION, ("workflow",),
           "How long traces took from the beginning to the end of their first span.", bounds=_SECONDS, estimate=True),
    Metric("tracing_proxies_coordinated_seconds_total", COUNTER, ("workflow",),
           "The time of traces in which agents were at work.", estimate=True),
    Metric("tracing_proxies_agent_busy_seconds_total", COUNTER, ("workflow",),
           "The time within those traces during which one agent at least was at work.", estimate=True),
    Metric("tracing_proxies_estimated", GAUGE, (),
           "1 where sampling or losses have kept spans out, so that what is read from spans is an estimate; else 0.",
           HIGHEST),
    # What became of the spans.
    Metric("tracing_proxies_spans_produced_total", COUNTER, (), "Spans, those that sampling left out included."),
    Metric("tracing_proxies_spans_total", COUNTER, ("sink", "fate", "reason"),
           "Spans by what became of them at each destination: delivered, sampled_out, dropped (with the reason)."),
    Metric("tracing_proxies_spans_waiting", GAUGE, ("sink", "where"),
           "Spans that have not met their end yet: in memory, on disk."),
    Metric("tracing_proxies_queue_spans", GAUGE, (), "Ended spans that no worker has taken yet."),
    Metric("tracing_proxies_held_spans", GAUGE, (), "Ended spans that wait for the verdict of sampling."),
    Metric("tracing_proxies_open_spans", GAUGE, (), "Spans that have begun and not ended."),
    # What tracing costs.
    Metric("tracing_proxies_caller_cost_seconds", DISTRIBUTION, (),
           "The CPU that tracing one call took on the application's thread, measured on some traces under a budget.",
           bounds=_SHORT_SECONDS),
    Metric("tracing_proxies_spans_recorded_total", COUNTER, (),
           "Spans that were recorded on the application's threads, whatever has become of them."),
    Metric("tracing_proxies_calls_held_up_total", COUNTER, ("target",),
           "Calls that recording held up for longer than the registry's max_latency, 100 ms unless it says otherwise."),
    Metric("tracing_proxies_worker_cpu_seconds_total", COUNTER, (), "The CPU that tracing's own threads have taken."),
    # The way to each destination.
    Metric("tracing_proxies_sends_total", COUNTER, ("sink", "outcome"), "Attempts to send, ok or error."),
    Metric("tracing_proxies_send_duration_seconds", DISTRIBUTION, ("sink",), "How long attempts to send took.",
           bounds=_SECONDS),
    Metric("tracing_proxies_last_send_timestamp_seconds", GAUGE, ("sink",),
           "When something was last sent with success, in seconds since the epoch.", HIGHEST),
    Metric("tracing_proxies_delivery_lag_seconds", GAUGE, ("sink",),
           "How long the oldest span has waited that is not delivered yet, to within the pause between two looks.",
           HIGHEST),
    Metric("tracing_proxies_sink_healthy", GAUGE, ("sink",), "1 where the destination works, 0 where it does not.",
           LOWEST),
    Metric("tracing_proxies_clock_skew_seconds", GAUGE, ("sink",),
           "By how much this computer's clock and the destination's differed at its last reply, to within a second.",
           HIGHEST),
    Metric("tracing_proxies_breaker_state", GAUGE, ("sink",),
           "0 while the destination is used, 1 while it is probed, 2 while it is left alone.", HIGHEST),
    Metric("tracing_proxies_breaker_failures", GAUGE, ("sink",), "Failures in a row.", HIGHEST),
    Metric("tracing_proxies_spool_bytes", GAUGE, ("sink",), "What waits on disk, in bytes."),
    Metric("tracing_proxies_spool_max_bytes", GAUGE, ("sink",), "What may wait on disk, in bytes.", HIGHEST),
    # Sampling, masking, the registry.
    Metric("tracing_proxies_sampling_step", GAUGE, (),
           "How much detail tracing has lost: 0 none, 1 payloads thinned, 2 skeletons, 3 errors only, 4 counts only.",
           HIGHEST),
    Metric("tracing_proxies_sampling_descents_total", COUNTER, (), "How often tracing has lost detail."),
    Metric("tracing_proxies_sampling_probability", GAUGE, ("what",),
           "The probability at which a trace is recorded (record), with payload (capture), kept if it failed (error).",
           LOWEST),
    Metric("tracing_proxies_sampling_spent_ratio", GAUGE, (), "What tracing costs lately, in cores.", HIGHEST),
    Metric("tracing_proxies_sampling_budget_ratio", GAUGE, (),
           "What tracing may cost, in cores; absent where it may cost anything.", LOWEST),
    Metric("tracing_proxies_rules_stepped_down", GAUGE, (),
           "Rules that record no payload for a while, since they held calls up.", HIGHEST),
    Metric("tracing_proxies_masked_total", COUNTER, ("kind",), "What masking has hidden, by the kind of what it was."),
    Metric("tracing_proxies_targets", GAUGE, (), "Callables that are traced.", HIGHEST),
    Metric("tracing_proxies_rules_unmatched", GAUGE, (), "Patterns of the registry that select nothing.", HIGHEST),
    Metric("tracing_proxies_registry_reloads_total", COUNTER, (), "How often the registry was taken up anew."),
    Metric("tracing_proxies_registry_stale", GAUGE, (),
           "1 where the registry's files have mistakes, so that the last good ones hold; else 0.", HIGHEST),
    Metric("tracing_proxies_on", GAUGE, (), "1 while tracing is on, 0 while it is switched off.", LOWEST),
    Metric("tracing_proxies_failures_total", COUNTER, ("reason",), "Failures of tracing itself, kept from the caller."),
    Metric("tracing_proxies_processes", GAUGE, (), "Processes whose numbers these are and that live."),
    Metric("tracing_proxies_start_time_seconds", GAUGE, (),
           "When counting began, in seconds since the epoch.", LOWEST),
    # Derived when they are read.
    Metric("tracing_proxies_calls_per_second", DERIVED, _CALL, "Calls that have ended, per second."),
    Metric("tracing_proxies_events_per_second", DERIVED, ("target", "name"), "Events that were processed, per second."),
    Metric("tracing_proxies_error_ratio", DERIVED, _CALL, "The share of calls that have failed."),
    Metric("tracing_proxies_call_duration_quantile_seconds", DERIVED, (*_CALL, "quantile"),
           "The duration that a share of the calls did not pass, within 1 %."),
    Metric("tracing_proxies_agent_error_ratio", DERIVED, ("agent", "source"),
           "The share of an agent's calls that have failed.", estimate=True),
    Metric("tracing_proxies_agent_duration_quantile_seconds", DERIVED, ("agent", "quantile"),
           "The duration that a share of an agent's calls did not pass, within 1 %.", estimate=True),
    Metric("tracing_proxies_confidence_quantile", DERIVED, ("name", "observation", "quantile"),
           "The confidence that a share of the decisions did not pass, within 1 %.", estimate=True),
    Metric("tracing_proxies_conflict_resolution_ratio", DERIVED, (),
           "The share of the conflicts detected that were resolved.", estimate=True),
    Metric("tracing_proxies_coordination_efficiency_ratio", DERIVED, ("workflow",),
           "The share of the time of traces with agents during which one agent at least was at work.", estimate=True),
    Metric("tracing_proxies_workflow_duration_quantile_seconds", DERIVED, ("workflow", "quantile"),
           "The duration that a share of the traces did not pass, within 1 %.", estimate=True),
    Metric("tracing_proxies_caller_cost_quantile_seconds", DERIVED, ("quantile",),
           "The CPU on the application's thread that a share of the traced calls did not pass, within 1 %."),
    Metric("tracing_proxies_agent_overhead_seconds", DERIVED, (),
           "The CPU that recording has taken on the application's threads, for each call of an agent, on average."),
    Metric("tracing_proxies_send_duration_quantile_seconds", DERIVED, ("sink", "quantile"),
           "The duration that a share of the attempts to send did not pass, within 1 %."),
    Metric("tracing_proxies_trace_success_ratio", DERIVED, ("sink",),
           "The share of the spans that were delivered, of those that were delivered or dropped."),
    Metric("tracing_proxies_worker_cpu_ratio", DERIVED, (), "What tracing's own threads take, in cores."),
    Metric("tracing_proxies_spool_fill_ratio", DERIVED, ("sink",), "What waits on disk, as a share of what may."),
)  # fmt: skip

BY_NAME: Final[Mapping[str, Metric]] = MappingProxyType({metric.name: metric for metric in METRICS})


def find(name: str) -> Metric:
    """Return the metric of a name.

    Raises:
        KeyError: there is none.
    """
    try:
        return BY_NAME[name]
    except KeyError:
        raise KeyError(f"no metric is named {name!r}") from None
