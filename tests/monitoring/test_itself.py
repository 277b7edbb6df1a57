"""What tracing says of itself, under faults that are real: a server that is down, a spool that fills, a slow copy."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pytest

import tracing_proxies
from tests.contract.server import PUBLIC_KEY, SECRET_KEY, ContractServer
from tests.environment import BUDGET
from tests.monitoring import shop
from tests.monitoring.conftest import Trace
from tests.monitoring.conftest import shop as registry
from tests.monitoring.test_workers import until
from tests.ports import free_port
from tracing_proxies.monitoring.monitor import Monitor
from tracing_proxies.testing import registry_from


def _read(monitor: Monitor, metric: str, **labels: str) -> float | None:
    return monitor.collector.read(f"tracing_proxies_{metric}", math.inf, **labels)


def _to(address: str, more: str = "") -> str:
    return f'export: {{ otlp: {{ endpoint: "{address}" }} }}\nsampling: {{ budget: unlimited }}\n{more}'


def _call(many: int) -> None:
    for _ in range(many):
        shop.send("a", "b")


def test_a_server_that_is_down_and_comes_back_is_told_all_along(trace: Trace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRACING_PROXIES_STRICT")
    server = ContractServer()
    try:
        for name, value in (("BASE_URL", server.url), ("PUBLIC_KEY", PUBLIC_KEY), ("SECRET_KEY", SECRET_KEY)):
            monkeypatch.setenv(f"LANGFUSE_{name}", value)
        monitor = trace(registry("export: { langfuse: {} }\nsampling: { budget: unlimited }\n"))
        _call(10)
        assert tracing_proxies.flush(20)
        monitor.collector.look()
        assert _read(monitor, "spans_total", sink="langfuse", fate="delivered") == 10
        assert _read(monitor, "sink_healthy", sink="langfuse") == 1
        assert _read(monitor, "breaker_state", sink="langfuse") == 0
        assert _read(monitor, "trace_success_ratio", sink="langfuse") == 1.0
        sent = _read(monitor, "last_send_timestamp_seconds", sink="langfuse")
        assert sent is not None
        assert (_read(monitor, "sends_total", sink="langfuse", outcome="ok") or 0) >= 1
        assert _read(monitor, "delivery_lag_seconds", sink="langfuse") == 0
        server.stop()
        _call(20)
        tracing_proxies.flush(1.0)

        def broken() -> bool:
            monitor.collector.look()
            return _read(monitor, "breaker_state", sink="langfuse") in (1, 2)

        until(broken)
        assert _read(monitor, "sink_healthy", sink="langfuse") == 0
        assert (_read(monitor, "sends_total", sink="langfuse", outcome="error") or 0) >= 1
        assert (_read(monitor, "breaker_failures", sink="langfuse") or 0) >= 1
        assert _read(monitor, "spans_waiting", sink="langfuse", where="disk") == 20
        assert (_read(monitor, "spool_bytes", sink="langfuse") or 0) > 0
        assert _read(monitor, "spool_max_bytes", sink="langfuse") == 512 * 2**20
        assert 0 < (_read(monitor, "spool_fill_ratio", sink="langfuse") or 0) < 1
        first = _read(monitor, "delivery_lag_seconds", sink="langfuse")
        monitor.collector.look()
        second = _read(monitor, "delivery_lag_seconds", sink="langfuse")
        assert first is not None
        assert second is not None
        assert second > 0
        assert second >= first
        server.restart()

        def delivered() -> bool:
            tracing_proxies.flush(1.0)
            monitor.collector.look()
            return _read(monitor, "spans_total", sink="langfuse", fate="delivered") == 30

        until(delivered)
        assert _read(monitor, "sink_healthy", sink="langfuse") == 1
        assert _read(monitor, "delivery_lag_seconds", sink="langfuse") == 0
        assert (_read(monitor, "last_send_timestamp_seconds", sink="langfuse") or 0) > sent
    finally:
        server.stop()


def test_what_is_given_up_is_told_by_reason(trace: Trace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TRACING_PROXIES_STRICT")
    chance = random.Random(5)
    nobody = f"http://127.0.0.1:{free_port()}"
    monitor = trace(registry(_to(nobody, f"spool: {{ path: {tmp_path / 'spool'}, max_size: 64KiB }}\n")))
    for number in range(400):
        shop.hold("".join(chance.choices("abcdefgh ", k=3_000)))
        if number % 40 == 0:
            tracing_proxies.flush(0.3)
    tracing_proxies.flush(0.5)

    def dropped() -> bool:
        monitor.collector.look()
        return bool(_read(monitor, "spans_total", sink="otlp", fate="dropped"))

    until(dropped)
    gone = _read(monitor, "spans_total", sink="otlp", fate="dropped") or 0
    waiting = _read(monitor, "spans_waiting", sink="otlp") or 0
    assert gone + waiting == _read(monitor, "spans_produced_total") == 400
    assert _read(monitor, "trace_success_ratio", sink="otlp") == 0.0
    assert (_read(monitor, "spool_fill_ratio", sink="otlp") or 0) > 0.5
    assert _read(monitor, "estimated") == 1


def test_another_destination_takes_nothing_from_what_was_counted(trace: Trace, tmp_path: Path) -> None:
    monitor = trace()
    _call(10)
    tracing_proxies.flush()
    monitor.collector.look()
    tracing_proxies.activate(registry_from(registry(f"export: {{ local: {{ path: {tmp_path / 'traces.db'} }} }}\n")))
    _call(5)
    tracing_proxies.flush()

    def told() -> bool:
        monitor.collector.look()
        return _read(monitor, "spans_total", fate="delivered") == 15

    until(told)
    assert _read(monitor, "spans_total", sink="discard", fate="delivered") == 10
    assert _read(monitor, "spans_total", sink="local", fate="delivered") == 5
    assert _read(monitor, "registry_reloads_total") == 0  # it was given, and not read from a file
    for _ in range(3):
        monitor.collector.look()
    assert _read(monitor, "spans_total", fate="delivered") == 15
    assert _read(monitor, "spans_produced_total") == 15


def test_under_a_budget_it_is_told_what_a_call_costs_and_what_is_kept(
    trace: Trace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(BUDGET, "1%")
    monitor = trace()
    for number in range(200):
        try:
            shop.handle(number)
        except LookupError:
            continue
    tracing_proxies.flush()
    monitor.collector.look()
    assert _read(monitor, "sampling_budget_ratio") == 0.01
    assert _read(monitor, "sampling_step") is not None
    for what in ("record", "capture", "error"):
        share = _read(monitor, "sampling_probability", what=what)
        assert share is not None
        assert 0 <= share <= 1
    assert (_read(monitor, "caller_cost_seconds") or 0) > 0
    p50, p99 = (_read(monitor, "caller_cost_quantile_seconds", quantile=share) for share in ("0.5", "0.99"))
    assert p50 is not None
    assert p99 is not None
    assert 0 < p50 <= p99
    produced = _read(monitor, "spans_produced_total") or 0
    fates = _read(monitor, "spans_total") or 0
    assert produced == fates + (_read(monitor, "held_spans") or 0) + (_read(monitor, "spans_waiting") or 0)


def test_calls_that_are_held_up_are_told_by_target(trace: Trace) -> None:
    monitor = trace()
    recipe = next(recipe for recipe in _recipes(monitor) if recipe.tally.target.endswith(":hold"))
    recorder = tracing_proxies.runtime._runtime.recorder  # type: ignore[attr-defined,union-attr]
    recorder.patience = 0
    shop.hold([["x" * 100] * 5] * 5)  # type: ignore[arg-type]
    monitor.collector.look()
    assert (_read(monitor, "calls_held_up_total", target=recipe.tally.target) or 0) >= 1
    assert _read(monitor, "rules_stepped_down") == 1


def _recipes(monitor: Monitor) -> list:  # type: ignore[type-arg]
    return list(monitor._calls._recipes())


def test_a_registry_with_mistakes_is_told(trace: Trace, tmp_path: Path) -> None:
    path = tmp_path / "registry.yaml"
    path.write_text(registry())
    monitor = trace()
    tracing_proxies.activate(path)
    path.write_text(registry() + "  - match: nowhere.at.all:gone\n")
    assert tracing_proxies.reload()
    monitor.collector.look()
    assert _read(monitor, "registry_reloads_total") == 1
    assert _read(monitor, "registry_stale") == 0
    path.write_text("version: 1\ntrace: [{ match: 5 }]\n")
    assert not tracing_proxies.reload()
    monitor.collector.look()
    assert _read(monitor, "registry_stale") == 1
    assert _read(monitor, "targets") == 8
