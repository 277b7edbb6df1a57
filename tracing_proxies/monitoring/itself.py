"""What tracing says of itself: what became of its spans, what it costs, how its destinations and its sampling do."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol

from tracing_proxies import failures
from tracing_proxies.delivery.sends import Sends
from tracing_proxies.delivery.succession import Fate
from tracing_proxies.masking import hits
from tracing_proxies.monitoring.distribution import Distribution
from tracing_proxies.monitoring.numbers import Numbers, Series
from tracing_proxies.recording.recorder import Recorder
from tracing_proxies.sampling.ladder import STEPS

_BREAKER: Final = {"closed": 0, "half-open": 1, "open": 2}
_PROBABILITIES: Final = ("record", "capture", "error")
_MOST_MOMENTS: Final = 1_000
_SPANS: Final = "tracing_proxies_spans_total"


class Deliveries(Protocol):
    """The pipelines, as far as they are read here."""

    def status(self) -> dict[str, Any]: ...

    def flush(self, timeout: float) -> bool: ...

    def cpu(self) -> float: ...

    def fates(self) -> Mapping[Fate, int]: ...

    def sends(self) -> Mapping[str, Sends]: ...


class Budget(Protocol):
    """The budget, as far as it is read here."""

    @property
    def share(self) -> float | None: ...

    def status(self) -> dict[str, Any]: ...

    def take_costs(self) -> Iterable[float]: ...

    def take_held_up(self) -> Iterable[str]: ...


class SelfCounts:
    """Adds up what the parts of tracing say of themselves.

    Args:
        recorder, deliveries, budget: the parts.
        registry: tells what holds of the registry: targets, unmatched, reloads, stale, on.
        clock: seconds, of a clock that does not go back.
    """

    def __init__(
        self,
        recorder: Recorder,
        deliveries: Deliveries,
        budget: Budget,
        registry: Callable[[], Mapping[str, Any]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._recorder = recorder
        self._deliveries = deliveries
        self._budget = budget
        self._registry = registry
        self._clock = clock
        self.after_fork()

    def after_fork(self) -> None:
        """Begin anew in a forked child."""
        self._told: dict[Series, float] = {}
        self._sent: dict[str, Distribution] = {}
        self._moments: dict[str, deque[tuple[float, int]]] = {}
        self._failed_before = failures.counts()
        self._masked_before = dict(hits.counted)

    def add_to(self, numbers: Numbers) -> None:
        """Add what was counted since the last look, and say how everything is now."""
        self._add_spans(numbers)
        self._add_costs(numbers)
        self._add_sampling(numbers)
        self._add_registry(numbers)
        for reason, many in failures.counts().items():
            self._follow(numbers, ("tracing_proxies_failures_total", (reason,)), many, self._failed_before.get(reason))
        for kind, many in list(hits.counted.items()):
            self._follow(numbers, ("tracing_proxies_masked_total", (kind,)), many, self._masked_before.get(kind))

    def _follow(self, numbers: Numbers, series: Series, told: float, before: float | None = None) -> None:
        """Count by how much something has grown that somebody else counts, and may begin to count anew.

        Args:
            before: where it stood when this began.
        """
        last = self._told.get(series, before or 0)
        numbers.count(series, told - last if told >= last else told)
        self._told[series] = told

    def _add_spans(self, numbers: Numbers) -> None:
        gauges, recorder = numbers.gauges, self._recorder
        delivery, left_out, held, unrecorded = self._deliveries.status(), recorder.left_out, 0, 0
        if recorder.tail is not None:
            unrecorded = recorder.tail.unrecorded
            left_out += recorder.tail.left_out + unrecorded
            held = recorder.tail.holding
        produced = delivery["produced"] + left_out + held
        self._follow(numbers, ("tracing_proxies_spans_produced_total", ()), produced)
        self._follow(numbers, ("tracing_proxies_spans_recorded_total", ()), produced - unrecorded)
        gauges["tracing_proxies_queue_spans", ()] = delivery["queue"]
        gauges["tracing_proxies_held_spans", ()] = held
        gauges["tracing_proxies_open_spans", ()] = len(recorder.open)
        for fate, many in self._deliveries.fates().items():
            self._follow(numbers, (_SPANS, fate), many)
        self._follow(numbers, (_SPANS, ("", "sampled_out", "")), left_out)  # before any destination
        sends = self._deliveries.sends()
        for name, sink in delivery["sinks"].items():
            gauges["tracing_proxies_spans_waiting", (name, "memory")] = sink["queued"]
            gauges["tracing_proxies_spans_waiting", (name, "disk")] = sink["spooled"]
            settled = delivery["produced"] - sink["queued"] - sink["spooled"]
            lag = self._lag(name, delivery["produced"], settled)
            gauges["tracing_proxies_delivery_lag_seconds", (name,)] = lag
            self._add_sink(numbers, name, sink, sends.get(name))
        lost = left_out + delivery["sampled_out"] + sum(delivery["dropped"].values())
        gauges["tracing_proxies_estimated", ()] = 1 if lost else 0

    def _add_sink(self, numbers: Numbers, name: str, sink: Mapping[str, Any], sends: Sends | None) -> None:
        gauges, breaker = numbers.gauges, sink["breaker"]
        gauges["tracing_proxies_sink_healthy", (name,)] = 1 if sink["healthy"] else 0
        if sink.get("skew") is not None:
            gauges["tracing_proxies_clock_skew_seconds", (name,)] = abs(sink["skew"])
        gauges["tracing_proxies_breaker_state", (name,)] = _BREAKER[breaker["state"]]
        gauges["tracing_proxies_breaker_failures", (name,)] = breaker["failures"]
        if "spool" in sink:
            gauges["tracing_proxies_spool_bytes", (name,)] = sink["spool"]["bytes"]
            gauges["tracing_proxies_spool_max_bytes", (name,)] = sink["spool"]["max_bytes"]
        if sends is None or not sends.count:
            return
        for outcome, many in (("ok", sends.count - sends.failures), ("error", sends.failures)):
            self._follow(numbers, ("tracing_proxies_sends_total", (name, outcome)), many)
        if sends.last_success is not None:
            gauges["tracing_proxies_last_send_timestamp_seconds", (name,)] = sends.last_success
        told, before = Distribution.of(sends.sketch), self._sent.get(name, Distribution())
        more = told.minus(before) if told.count >= before.count else told
        if more.count:
            numbers.distribute(("tracing_proxies_send_duration_seconds", (name,)), more)
        self._sent[name] = told

    def _lag(self, sink: str, produced: int, settled: int) -> float:
        """Return since when at least the oldest span has waited that has not met its end yet.

        Spans go in the order in which they come, as a rule: the oldest that waits came after the last look at which no
        more had been produced than have met their end by now.
        """
        now, moments = self._clock(), self._moments.setdefault(sink, deque())
        if moments and produced < moments[-1][1]:
            moments.clear()  # counted anew
        while len(moments) > 1 and moments[1][1] <= settled:
            moments.popleft()
        lag = 0.0 if settled >= produced or not moments else now - moments[0][0]
        moments.append((now, produced))
        if len(moments) > _MOST_MOMENTS:  # an outage of hours: the first is kept, of the others every second one
            self._moments[sink] = deque(list(moments)[::2])
        return lag

    def _add_costs(self, numbers: Numbers) -> None:
        self._follow(numbers, ("tracing_proxies_worker_cpu_seconds_total", ()), self._deliveries.cpu())
        costs = Distribution.of_sizes(seconds * 1e9 for seconds in self._budget.take_costs())
        if costs.count:
            numbers.distribute(("tracing_proxies_caller_cost_seconds", ()), costs)
        for target in self._budget.take_held_up():
            numbers.count(("tracing_proxies_calls_held_up_total", (target,)))

    def _add_sampling(self, numbers: Numbers) -> None:
        gauges, sampling = numbers.gauges, self._budget.status()
        gauges["tracing_proxies_rules_stepped_down", ()] = len(sampling["stepped_down"])
        gauges["tracing_proxies_sampling_step", ()] = STEPS.index(sampling["step"])
        if sampling["budget"] is None:
            return
        gauges["tracing_proxies_sampling_budget_ratio", ()] = sampling["budget"]
        gauges["tracing_proxies_sampling_spent_ratio", ()] = sampling["spent"]
        self._follow(numbers, ("tracing_proxies_sampling_descents_total", ()), sampling["descents"])
        for what in _PROBABILITIES:
            gauges["tracing_proxies_sampling_probability", (what,)] = sampling[what]

    def _add_registry(self, numbers: Numbers) -> None:
        gauges, registry = numbers.gauges, self._registry()
        gauges["tracing_proxies_on", ()] = 1 if registry["on"] else 0
        gauges["tracing_proxies_targets", ()] = registry["targets"]
        gauges["tracing_proxies_rules_unmatched", ()] = registry["unmatched"]
        gauges["tracing_proxies_registry_stale", ()] = 1 if registry["stale"] else 0
        self._follow(numbers, ("tracing_proxies_registry_reloads_total", ()), registry["reloads"])
