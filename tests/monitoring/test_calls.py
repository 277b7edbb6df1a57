"""What is counted of calls, exactly, and of the spans that are recorded of them."""

from __future__ import annotations

import math
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import tracing_proxies
from tests.environment import BUDGET
from tests.monitoring import shop
from tests.monitoring.conftest import SHOP, Trace
from tests.monitoring.conftest import shop as registry
from tracing_proxies.monitoring.monitor import Monitor
from tracing_proxies.testing import registry_from


def _read(monitor: Monitor, metric: str, **labels: str) -> float | None:
    return monitor.collector.read(f"tracing_proxies_{metric}", math.inf, **labels)


def _handle(many: int) -> None:
    for number in range(many):
        try:
            shop.handle(number)
        except LookupError:
            continue


def test_calls_of_many_threads_are_counted_exactly_while_others_look(trace: Trace) -> None:
    monitor = trace()
    looking = threading.Event()

    def look() -> None:
        while not looking.is_set():
            monitor.collector.look()

    watcher = threading.Thread(target=look)
    watcher.start()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(_handle, [300] * 8))
    looking.set()
    watcher.join()
    monitor.collector.look()
    name = "handle"
    assert _read(monitor, "calls_total", name=name) == 2_400
    assert _read(monitor, "calls_total", name=name, outcome="error") == 480
    # Each event asks two agents, the second one only where the first did not fail.
    assert _read(monitor, "calls_total", name="lookup") == 2_400 + 1_920
    assert _read(monitor, "call_duration_seconds", name="lookup") == 2_400 + 1_920
    assert _read(monitor, "events_total") == 2_400


def test_what_sampling_leaves_out_is_counted_all_the_same(trace: Trace) -> None:
    rules = SHOP.replace("root: true", "root: true\n    sample: never")
    monitor = trace(registry(rules=rules))
    _handle(1_000)
    tracing_proxies.flush()
    monitor.collector.look()
    assert _read(monitor, "calls_total", name="handle") == 1_000
    assert _read(monitor, "calls_total", name="handle", outcome="error") == 200
    assert _read(monitor, "call_duration_seconds", name="handle") == 1_000
    assert _read(monitor, "spans_total", fate="delivered") == 0
    assert _read(monitor, "estimated") == 1
    # Nothing is made up of what nobody has recorded.
    for metric in ("agent_calls_total", "tool_calls_total", "confidence", "conflicts_total", "workflows_total"):
        assert _read(monitor, metric) is None, metric


def test_calls_under_way_are_told_where_all_have_spans_and_else_are_not(
    trace: Trace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for budget, right in (("unlimited", 1), ("1%", None)):
        monkeypatch.setenv(BUDGET, budget)
        monitor = trace()
        begun, end = threading.Event(), threading.Event()
        caller = threading.Thread(target=shop.wait, args=(begun, end))
        caller.start()
        begun.wait(30)
        monitor.collector.look()
        assert _read(monitor, "calls_in_flight", name="wait") == right
        end.set()
        caller.join()
        monitor.collector.look()
        assert _read(monitor, "calls_in_flight", name="wait") == (None if right is None else 0)
        assert _read(monitor, "calls_total", name="wait") == 1
        tracing_proxies.deactivate()


def test_a_reload_that_renames_a_target_takes_nothing_from_the_old_name(trace: Trace) -> None:
    monitor = trace()
    _handle(10)
    monitor.collector.look()
    renamed = SHOP.replace('name: "{function}"', "name: search")
    tracing_proxies.activate(registry_from(registry(rules=renamed)))
    _handle(5)
    monitor.collector.look()
    before, after = _read(monitor, "calls_total", name="lookup"), _read(monitor, "calls_total", name="search")
    assert (before, after) == (10 + 8, 5 + 4)
    assert _read(monitor, "calls_total", target="tests.monitoring.shop:lookup") == 27


def test_what_agents_do_is_read_from_their_spans(trace: Trace) -> None:
    monitor = trace()
    _handle(30)
    tracing_proxies.flush()
    monitor.collector.look()
    # Six of thirty fail at the first agent, which is called twice by itself, once for the framework, and counts once.
    assert _read(monitor, "agent_calls_total", agent="pricing") == 30
    assert _read(monitor, "agent_calls_total", agent="pricing", outcome="error") == 6
    assert _read(monitor, "agent_calls_total", agent="stock", source="market") == 24
    assert _read(monitor, "agent_duration_seconds", agent="stock") == 24
    assert _read(monitor, "tool_calls_total", agent="pricing", tool="lookup", source="market") == 30
    assert _read(monitor, "tool_calls_total", agent="stock", tool="lookup", outcome="error") == 6
    assert _read(monitor, "errors_total", name="lookup", how="raised") == 6
    assert _read(monitor, "errors_total", name="lookup", how="returned") == 12
    assert _read(monitor, "confidence", name="stock", observation="agent") == 24
    assert _read(monitor, "confidence_quantile", name="stock", quantile="1.0") == pytest.approx(1.0, rel=0.01)
    assert _read(monitor, "outcomes_total", name="stock", key="action", value="raise") == 12
    assert _read(monitor, "outcomes_total", name="pricing", key="bold", value="true") == 24
    assert _read(monitor, "messages_total", sender="pricing", recipient="stock") == 24
    assert _read(monitor, "collaborations_total", outcome="ok") == 24
    assert _read(monitor, "conflict_resolution_ratio") == pytest.approx(16 / 24)
    assert _read(monitor, "workflows_total", source="market") == 30
    efficiency = _read(monitor, "coordination_efficiency_ratio", workflow="handle")
    assert efficiency is not None
    assert 0 < efficiency <= 1
    assert _read(monitor, "estimated") == 0


def test_a_span_that_stands_for_many_counts_for_as_many(trace: Trace) -> None:
    rules = SHOP.replace("root: true", "root: true\n    sample: 25%")
    monitor = trace(registry(rules=rules))
    _handle(4_000)
    tracing_proxies.flush()
    monitor.collector.look()
    estimate = _read(monitor, "agent_calls_total", agent="pricing")
    assert estimate is not None
    kept = _read(monitor, "spans_total", fate="delivered")
    assert kept is not None
    assert kept < 15_000
    assert abs(estimate - 4_000) < 6 * math.sqrt(4_000 * 0.75 / 0.25)
    assert _read(monitor, "calls_total", name="handle") == 4_000
    assert _read(monitor, "estimated") == 1


def test_what_masking_hides_is_counted_by_kind(trace: Trace) -> None:
    monitor = trace()
    shop.hold("ann@example.com and bob@example.com, from 10.1.2.3")
    tracing_proxies.flush()
    monitor.collector.look()
    # The result by what it holds, the argument by its name alone.
    assert _read(monitor, "masked_total", kind="email") == 2
    assert _read(monitor, "masked_total", kind="ip") == 1
    assert _read(monitor, "masked_total", kind="key") == 1


def test_too_many_names_end_in_one_series_and_no_count_is_lost(trace: Trace) -> None:
    monitor = trace()
    for number in range(1_200):
        shop.Agent(f"agent {number}").framework(0)
    tracing_proxies.flush()
    monitor.collector.look()
    assert _read(monitor, "agent_calls_total") == 1_200
    assert len(monitor.collector.labels("tracing_proxies_agent_calls_total")) < 700
    other = _read(monitor, "agent_calls_total", agent="other")
    assert other is not None
    assert other >= 600


def test_a_runtime_that_begins_anew_counts_anew(trace: Trace) -> None:
    trace()
    _handle(5)
    tracing_proxies.deactivate()
    monitor = trace()
    _handle(2)
    monitor.collector.look()
    assert _read(monitor, "calls_total", name="handle") == 2
