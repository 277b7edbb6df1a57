"""What an `alerts:` block says holds, shipped rules included, and its mistakes are told with their places."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tracing_proxies.errors import RegistryError
from tracing_proxies.registry.alert_rules import AlertRule
from tracing_proxies.registry.alerting import AlertSettings
from tracing_proxies.registry.loader import parse_registry


def alerts(text: str, **environ: str) -> AlertSettings:
    return parse_registry("version: 1\n" + text, base=Path("/nowhere"), environ=environ).alerts


def rule(text: str, name: str) -> AlertRule:
    found = alerts(f"alerts:\n  rules:\n    {name}: {text}\n")
    return next(rule for rule in found.rules if rule.name == name)


def problems(text: str) -> list[tuple[str, int, int, str]]:
    with pytest.raises(RegistryError) as caught:
        alerts(text)
    return [(p.code, p.place.line, p.place.column, str(p)) for p in caught.value.problems]


def test_without_a_block_nothing_is_watched_and_with_an_empty_one_all_that_is_shipped() -> None:
    assert not alerts("").on
    found = alerts("alerts: {}")
    assert (found.on, found.every, len(found.rules), found.channels) == (True, 15.0, 11, ())
    assert alerts("alerts:").on
    assert not alerts("alerts: { every: off }").on
    assert not alerts("alerts: { shipped: false }").on


def test_a_rule_of_a_shipped_ones_name_changes_what_it_says_and_no_more() -> None:
    shipped = rule("{}", "agent_errors")
    changed = rule("{ above: 20%, window: 15min }", "agent_errors")
    assert (changed.limit, changed.window) == (0.2, 900.0)
    kept = ("metric", "comparison", "hold", "severity", "at_least", "summary", "tell")
    assert [getattr(changed, name) for name in kept] == [getattr(shipped, name) for name in kept]
    assert "degraded" not in {one.name for one in alerts("alerts: { rules: { degraded: { enabled: false } } }").rules}


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("{ metric: agent_latency_p95, above: 1500ms }", 1.5),
        ("{ metric: agent_error_rate, above: 2.5% }", 0.025),
        ("{ metric: throughput, below: 30/min }", 0.5),
        ("{ metric: degradation, above: 1 }", 1.0),
        ("{ metric: throughput, drops: 25% }", 0.25),
        ("{ metric: agent_latency_p99, rises: 150% }", 1.5),
    ],
)
def test_a_limit_has_the_unit_of_its_metric(text: str, limit: float) -> None:
    assert rule(text, "own").limit == pytest.approx(limit)


def test_channels_and_who_is_told() -> None:
    found = alerts(
        "alerts:\n  tell: [ops]\n  channels:\n    ops: { slack: OPS }\n"
        "    run: { command: [notify, -x], rate: 30/min }\n"
        "  rules: { degraded: { tell: [run, log, run] } }\n"
    )
    assert {one.name: one.tell for one in found.rules}["degraded"] == ("run", "log")
    assert {one.name: one.tell for one in found.rules}["agent_errors"] == ("ops",)
    ops, run = found.channels
    assert (ops.kind, ops.secret, ops.argv) == ("slack", "OPS", ())
    assert (run.kind, run.secret, run.argv, run.rate) == ("command", None, ("notify", "-x"), 0.5)


def test_a_variable_overrides_a_scalar_and_another_file_a_whole_command(tmp_path: Path) -> None:
    found = alerts("alerts: {}", TRACING_PROXIES__ALERTS__RULES__AGENT_ERRORS__ABOVE="50%")
    assert {one.name: one.limit for one in found.rules}["agent_errors"] == 0.5
    (tmp_path / "base.yaml").write_text("version: 1\nalerts: { channels: { run: { command: [a, b] } } }\n")
    text = "version: 1\ninclude: [base.yaml]\nalerts: { channels: { run: { command: [c] } } }\n"
    assert parse_registry(text, base=tmp_path, environ={}).alerts.channels[0].argv == ("c",)


@pytest.mark.parametrize(
    ("text", "code", "line", "said"),
    [
        ("alerts:\n  rules:\n    agent_erors: { above: 5% }", "TP220", 4, "Did you mean 'agent_errors'?"),
        ("alerts:\n  rules:\n    own: { metric: throughput }", "TP220", 4, "needs one of above, below, rises, drops"),
        ("alerts:\n  rules:\n    own: { metric: throughput, above: 5/min, drops: 5% }", "TP220", 4, "above and drops"),
        ("alerts:\n  rules:\n    own:\n      metric: throughput\n      above: 5%", "TP220", 6, "a rate such as 30/min"),
        ("alerts:\n  rules:\n    own:\n      metric: throughput\n      drops: 5", "TP220", 6, "a share such as 5%"),
        ("alerts:\n  rules:\n    delivery_lag: { agent: x }", "TP220", 4, "there is one for all"),
        ("alerts:\n  rules:\n    delivery_lag: { window: 1d }", "TP220", 4, "between 10s and 1h"),
        ("alerts:\n  rules:\n    own: { metric: througput, drops: 5% }", "TP208", 4, "Did you mean 'throughput'?"),
        ("alerts:\n  rules:\n    own: { metric: throughput, drops: lots }", "TP207", 4, "found 'lots'"),
        ("alerts:\n  tell: [ops]", "TP221", 3, "no channel is named 'ops'"),
        ("alerts:\n  channels: { ops: { slack: A } }\n  tell: [opps]", "TP221", 4, "Did you mean 'ops'?"),
        ("alerts:\n  channels:\n    ops: { slack: A, webhook: B }", "TP220", 4, "slack and webhook"),
        ("alerts:\n  channels:\n    ops: { timeout: 5s }", "TP220", 4, "found none"),
        ("alerts:\n  channels:\n    log: { slack: A }", "TP220", 4, "'log' is there already"),
        ("alerts:\n  channels:\n    ops: { email: [a@b.example] }", "TP220", 4, "needs 'from' and 'server'"),
        ("alerts:\n  channels:\n    ops: { command: notify --now }", "TP202", 4, "no shell would split it"),
        ("alerts:\n  channels:\n    ops: { command: [] }", "TP202", 4, "a program"),
    ],
)
def test_a_mistake_is_told_once_with_its_line_and_the_right_name(text: str, code: str, line: int, said: str) -> None:
    [(found, at, column, message)] = problems(text)
    assert (found, at) == (code, line)
    assert column > 1
    assert said in message


@pytest.mark.parametrize("key", ["slack", "webhook", "pagerduty", "password"])
def test_a_secret_that_stands_in_the_file_is_refused_and_not_repeated(key: str) -> None:
    more = "email: [a@b.example], from: a@b.example, server: x, " if key == "password" else ""
    for secret in ("https://hooks.example/T0K3N", "r0ut1ng-k3y", "xoxb-123"):
        [(code, line, _, message)] = problems(f"alerts:\n  channels:\n    ops: {{ {more}{key}: '{secret}' }}")
        assert (code, line) == ("TP222", 4)
        assert secret not in message


def test_presets_may_not_watch_anything(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("version: 1\nalerts: {}\nlogging: { trace_ids: true }\n")
    with pytest.raises(RegistryError) as caught:
        parse_registry("version: 1\nuse: p", base=tmp_path, environ={}, presets=tmp_path)
    assert [problem.code for problem in caught.value.problems] == ["TP213", "TP213"]


def test_log_ids_are_off_unless_they_are_asked_for() -> None:
    def asked(text: str) -> Any:
        return parse_registry("version: 1\n" + text, base=Path("/nowhere"), environ={}).logging.trace_ids

    assert [asked(""), asked("logging: {}"), asked("logging: { trace_ids: true }")] == [False, False, True]
