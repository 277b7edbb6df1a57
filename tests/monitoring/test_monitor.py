"""The monitor: beside the application, through forks and reloads, and without a trace of itself."""

from __future__ import annotations

import os
import urllib.request

import tracing_proxies
from tests.monitoring import shop
from tests.monitoring.conftest import SHOP, Trace
from tests.monitoring.conftest import shop as registry
from tests.monitoring.test_workers import until
from tests.ports import free_port
from tracing_proxies import monitoring
from tracing_proxies.delivery import native
from tracing_proxies.testing import capture_spans, registry_from

CALLS = "tracing_proxies_calls_total"
_DISCARD = "export: { discard: {} }\nsampling: { budget: unlimited }\n"


def _threads() -> set[str]:
    return set(native.ours().values())


def _scrape(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as reply:
        told: str = reply.read().decode()
        return told


def test_nothing_listens_unless_a_port_is_named(trace: Trace) -> None:
    monitor = trace()
    assert monitor.server.port is None
    assert "tracing-http" not in _threads()
    assert tracing_proxies.status()["metrics_at"] == {"port": None, "listens": False}


def test_a_port_is_taken_up_moved_and_given_back_as_the_registry_says(trace: Trace) -> None:
    first, second = free_port(), free_port()
    trace()
    tracing_proxies.activate(registry_from(registry(f"{_DISCARD}monitoring: {{ port: {first} }}\n")))
    assert CALLS in _scrape(first) or "tracing_proxies_on 1" in _scrape(first)
    assert tracing_proxies.status()["metrics_at"] == {"port": first, "listens": True}
    tracing_proxies.activate(registry_from(registry(f"{_DISCARD}monitoring: {{ port: {second} }}\n")))
    assert "tracing_proxies_on 1" in _scrape(second)
    tracing_proxies.activate(registry_from(registry()))
    for port in (first, second):
        try:
            _scrape(port)
        except OSError:
            continue
        raise AssertionError(f"{port} is answered still")


def test_deactivation_leaves_no_thread_and_no_port(trace: Trace) -> None:
    port = free_port()
    trace(registry(f"{_DISCARD}monitoring: {{ port: {port}, interval: 100ms }}\n"))
    assert {"tracing-metrics", "tracing-http"} <= _threads()
    tracing_proxies.deactivate()
    until(lambda: not {"tracing-metrics", "tracing-http"} & _threads())
    assert monitoring.metrics() is None


def test_counts_are_looked_at_every_interval_or_only_when_asked(trace: Trace) -> None:
    monitor = trace(registry(f"{_DISCARD}monitoring: {{ interval: 100ms }}\n"))
    shop.send("a", "b")
    until(lambda: monitor.collector.read(CALLS, 60.0) == 1)
    tracing_proxies.deactivate()
    monitor = trace(registry(f"{_DISCARD}monitoring: {{ interval: off }}\n"))
    shop.send("a", "b")
    assert "tracing-metrics" not in _threads()
    assert monitor.collector.read(CALLS, 60.0) is None
    monitor.collector.look()
    assert monitor.collector.read(CALLS, 60.0) == 1


def test_a_fork_has_no_thread_of_metrics_beside_and_both_go_on(trace: Trace) -> None:
    port = free_port()
    monitor = trace(registry(f"{_DISCARD}monitoring: {{ port: {port}, interval: 100ms }}\n"))
    shop.send("a", "b")
    monitor.pause()
    assert not {"tracing-metrics", "tracing-http"} & _threads()
    monitor.resume()
    child = os.fork()
    if child == 0:
        try:
            shop.send("a", "b")
            shop.send("a", "b")
            found = monitor.collector.look()
            counted = sum(many for (name, _), many in found.counters.items() if name == CALLS)
            os._exit(0 if counted == 2 and monitor.server.port is None else 1)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    until(lambda: monitor.collector.read(CALLS, 60.0) == 1)
    assert "tracing_proxies_processes 1" in _scrape(port)


def test_what_asks_for_metrics_is_not_traced_itself(trace: Trace) -> None:
    rules = SHOP + "  - match: tracing_proxies.monitoring.workers:*\n  - match: urllib.request:urlopen\n"
    port = free_port()
    trace(registry(f"{_DISCARD}monitoring: {{ port: {port}, interval: 100ms }}\n", rules))
    with capture_spans() as spans:
        monitoring.prometheus_text()
        _scrape(port)
    assert {span.name for span in spans} == {"urlopen"}


def test_a_reload_of_an_interval_takes_effect(trace: Trace) -> None:
    monitor = trace(registry(f"{_DISCARD}monitoring: {{ interval: 1h }}\n"))
    shop.send("a", "b")
    tracing_proxies.activate(registry_from(registry(f"{_DISCARD}monitoring: {{ interval: 100ms }}\n")))
    until(lambda: monitor.collector.read(CALLS, 60.0) == 1)
