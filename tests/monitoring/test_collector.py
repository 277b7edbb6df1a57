"""The collector: what metrics say over a window, since the start and before; what is not known is None."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracing_proxies.monitoring import MetricsCollector, catalogue
from tracing_proxies.monitoring.distribution import Distribution
from tracing_proxies.monitoring.numbers import Numbers

CALLS, DURATION = "tracing_proxies_calls_total", "tracing_proxies_call_duration_seconds"
SHOP = ("shop:Agent.run", "Agent.run", "agent")


class Counting:
    """Numbers that grow, and a clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.numbers = Numbers()
        self.collector = MetricsCollector(self.numbers.copy, lambda: self.now)

    def call(self, many: int = 1, *, failed: int = 0, milliseconds: int = 10, labels: tuple[str, ...] = SHOP) -> None:
        self.numbers.count((CALLS, (*labels, "ok")), many - failed)
        self.numbers.count((CALLS, (*labels, "error")), failed)
        self.numbers.distribute((DURATION, labels), Distribution.of_sizes([milliseconds * 10**6] * many))

    def wait(self, seconds: float) -> None:
        """Let time pass, with a look every five seconds as a process has."""
        until = self.now + seconds
        while self.now < until:
            self.now = min(until, self.now + 5.0)
            self.collector.look()


def test_a_window_holds_what_was_counted_within_it() -> None:
    counting = Counting()
    for minute in range(10):
        counting.call(10 + minute)
        counting.wait(60)
    read = counting.collector.read
    assert read(CALLS, 60.0) == 19
    assert read(CALLS, 300.0) == 15 + 16 + 17 + 18 + 19
    assert read(CALLS, 3_600.0) == read(CALLS, math.inf) == sum(range(10, 20))
    assert read(CALLS, 60.0, before=60.0) == 18
    assert read(CALLS, 300.0, before=300.0) == sum(range(10, 15))


def test_an_hour_is_forgotten_after_another_one() -> None:
    counting = Counting()
    counting.call(1_000)
    counting.wait(3_000)
    assert counting.collector.read(CALLS, 3_600.0) == 1_000
    assert counting.collector.read(CALLS, 300.0) == 0
    counting.wait(3_600)
    assert counting.collector.read(CALLS, 3_600.0) == 0
    assert counting.collector.read(CALLS, 3_600.0, before=3_600.0) == 1_000
    counting.wait(7_200)
    assert counting.collector.read(CALLS, math.inf) == 1_000


def test_quantiles_of_a_window_are_those_of_its_own_calls() -> None:
    counting = Counting()
    counting.call(1_000, milliseconds=10)
    counting.wait(600)
    counting.call(10, milliseconds=900)
    counting.wait(30)

    def p95(window: float) -> float | None:
        return counting.collector.read(
            "tracing_proxies_call_duration_quantile_seconds", window, quantile="0.95", name="Agent.run"
        )

    assert p95(60.0) == pytest.approx(0.9, rel=0.01)
    assert p95(math.inf) == pytest.approx(0.01, rel=0.01)


def test_shares_and_rates_are_those_of_the_window() -> None:
    counting = Counting()
    counting.call(100, failed=100)
    counting.wait(600)
    counting.call(60, failed=6)
    counting.wait(60)
    assert counting.collector.read("tracing_proxies_error_ratio", 60.0) == pytest.approx(0.1)
    assert counting.collector.read("tracing_proxies_calls_per_second", 60.0) == pytest.approx(1.0, rel=0.2)


def test_a_young_process_is_not_taken_for_a_slow_one() -> None:
    counting = Counting()
    counting.call(50)
    counting.wait(10)
    assert counting.collector.read("tracing_proxies_calls_per_second", 3_600.0) == pytest.approx(5.0)


def test_labels_choose_series() -> None:
    counting = Counting()
    counting.call(3)
    counting.call(4, failed=1, labels=("shop:tool", "tool", "tool"))
    counting.wait(10)
    read = counting.collector.read
    assert read(CALLS, 60.0) == 7
    assert read(CALLS, 60.0, target="shop:tool") == 4
    assert read(CALLS, 60.0, observation="tool", outcome="error") == 1
    assert read(DURATION, 60.0, name="tool") == 4
    told = counting.collector.labels("tracing_proxies_error_ratio")
    assert told == [
        {"target": "shop:Agent.run", "name": "Agent.run", "observation": "agent"},
        {"target": "shop:tool", "name": "tool", "observation": "tool"},
    ]
    assert len(counting.collector.labels(CALLS)) == 4


def test_what_is_not_known_is_none() -> None:
    counting = Counting()
    counting.wait(10)
    assert counting.collector.read(CALLS, 60.0) is None
    counting.call(5)
    counting.wait(600)
    assert counting.collector.read(CALLS, 60.0) == 0
    assert counting.collector.read(CALLS, 60.0, target="shop:other") is None
    for metric in ("error_ratio", "call_duration_quantile_seconds", "conflict_resolution_ratio", "trace_success_ratio"):
        assert counting.collector.read(f"tracing_proxies_{metric}", 60.0) is None
    assert counting.collector.read("tracing_proxies_spool_bytes", 60.0) is None


def test_a_wrong_name_is_a_mistake_and_not_a_silence() -> None:
    with pytest.raises(KeyError, match="no metric is named"):
        Counting().collector.read("tracing_proxies_call_total", 60.0)
    with pytest.raises(KeyError, match="has no label 'agent'"):
        Counting().collector.read(CALLS, 60.0, agent="a")


def test_a_counter_that_begins_anew_is_counted_from_its_beginning() -> None:
    counting = Counting()
    counting.call(100)
    counting.wait(60)
    counting.numbers.counters.clear()
    counting.call(3)
    counting.wait(30)
    assert counting.collector.read(CALLS, 30.0) == 3


@given(st.lists(st.integers(0, 20), min_size=1, max_size=60))
def test_windows_that_follow_on_each_other_add_up_to_all(calls: list[int]) -> None:
    counting = Counting()
    for many in calls:
        counting.call(many)
        counting.wait(5)
    parts = [counting.collector.read(CALLS, 50.0, before=50.0 * at) or 0 for at in range(7)]
    # The middle of a slot decides, so that none is in two windows or in none.
    assert sum(parts) == sum(calls)


@given(st.lists(st.lists(st.integers(1, 10**12), max_size=10), min_size=1, max_size=5))
def test_what_processes_have_counted_adds_up_as_if_it_were_one(processes: list[list[int]]) -> None:
    one, total = Numbers(), Numbers()
    for durations in processes:
        part = Numbers()
        for duration in durations:
            for numbers in (one, part):
                numbers.count((CALLS, (*SHOP, "ok")))
                numbers.distribute((DURATION, SHOP), Distribution.of_sizes([duration]))
        total.merge(Numbers.of_plain(part.to_plain()))
    assert total.counters == one.counters
    assert {series: found.bins for series, found in total.distributions.items()} == {
        series: found.bins for series, found in one.distributions.items()
    }


def test_every_metric_says_what_it_is_and_is_named_as_prometheus_wants_it() -> None:
    for metric in catalogue.METRICS:
        assert metric.help.endswith("."), metric.name
        assert metric.name.startswith("tracing_proxies_")
        assert metric.name.endswith("_total") == (metric.kind == catalogue.COUNTER), metric.name
        assert bool(metric.bounds) == (metric.kind == catalogue.DISTRIBUTION), metric.name
    assert len(catalogue.BY_NAME) == len(catalogue.METRICS)
