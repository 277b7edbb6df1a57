"""The exported rules are the registry's: promtool takes them, and on made-up series they fire as they should."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from tracing_proxies.cli.main import commands
from tracing_proxies.monitoring.alert_export import alert_name, alertmanager_file, rules_file
from tracing_proxies.monitoring.alert_measures import SOURCES
from tracing_proxies.monitoring.catalogue import BY_NAME
from tracing_proxies.registry.alert_rules import SHIPPED
from tracing_proxies.registry.alerting import COMPARISONS, MEASURES
from tracing_proxies.registry.loader import parse_registry
from tracing_proxies.registry.model import Registry

PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None and sys.platform != "linux", reason="no promtool here: apt-get install prometheus"
)
STEP = 60
PHASES = (70, 20, 30)
"""Samples before, during and after a fault: an hour and ten minutes, twenty minutes, half an hour."""


def registry(alerts: str) -> Registry:
    return parse_registry(f"version: 1\nalerts:\n{alerts}", base=Path.cwd(), environ={})


def promtool(*arguments: str, folder: Path) -> str:
    assert PROMTOOL is not None, "install it: apt-get install prometheus"
    done = subprocess.run([PROMTOOL, *arguments], cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs_promtool
def test_rules_of_every_metric_and_comparison_pass_promtool(tmp_path: Path) -> None:
    limits = {"duration": "2s", "share": "5%", "number": "3", "rate": "30/min"}
    rules = {}
    for metric, measure in MEASURES.items():
        for comparison in COMPARISONS:
            kind = next(kind for kind in limits if f"a {kind} " in measure.unit)
            limit = "10%" if comparison in ("rises", "drops") else limits[kind]
            rules[f"{metric}.{comparison}"] = {"metric": metric, comparison: limit, "at_least": 3}
            if measure.by_agent:
                rules[f"{metric}.{comparison}"]["agent"] = "pricing*.[x]?"
    found = registry("  " + yaml.safe_dump({"shipped": False, "rules": rules}).replace("\n", "\n  "))
    assert len(found.alerts.rules) == len(MEASURES) * 4
    (tmp_path / "rules.yaml").write_text(rules_file(found.alerts))
    assert f"SUCCESS: {len(rules)} rules found" in promtool("check", "rules", "rules.yaml", folder=tmp_path)


def test_every_metric_of_rules_is_one_that_is_collected() -> None:
    assert SOURCES.keys() == MEASURES.keys()
    for source in SOURCES.values():
        assert source.metric in BY_NAME
        assert source.labels.keys() <= set(BY_NAME[source.metric].labels)


Levels = Mapping[str, tuple[float, float, float]]
LABELS = 'instance="a"'
AGENT = f'target="shop:Agent.run",name="Agent.run",observation="agent",{LABELS}'
CALLS = "tracing_proxies_calls_total"
COUNTERS: Levels = {
    f'{CALLS}{{{AGENT},outcome="ok"}}': (30, 30, 30),
    f'{CALLS}{{{AGENT},outcome="error"}}': (0.1, 0.1, 0.1),
    f'tracing_proxies_call_duration_seconds_bucket{{{AGENT},le="0.5"}}': (15, 15, 15),
    f'tracing_proxies_call_duration_seconds_bucket{{{AGENT},le="1.0"}}': (30, 30, 30),
    f'tracing_proxies_call_duration_seconds_bucket{{{AGENT},le="5.0"}}': (30, 30, 30),
    f'tracing_proxies_call_duration_seconds_bucket{{{AGENT},le="+Inf"}}': (30, 30, 30),
    f'tracing_proxies_spans_total{{sink="langfuse",fate="delivered",reason="",{LABELS}}}': (30, 30, 30),
    f"tracing_proxies_spans_recorded_total{{{LABELS}}}": (300, 300, 300),
    f"tracing_proxies_caller_cost_seconds_count{{{LABELS}}}": (1, 1, 1),
    f"tracing_proxies_caller_cost_seconds_sum{{{LABELS}}}": (0.0001, 0.0001, 0.0001),
}
GAUGES: Levels = {
    f'tracing_proxies_sink_healthy{{sink="langfuse",{LABELS}}}': (1, 1, 1),
    f'tracing_proxies_delivery_lag_seconds{{sink="langfuse",{LABELS}}}': (1, 1, 1),
    f'tracing_proxies_spool_bytes{{sink="langfuse",{LABELS}}}': (100, 100, 100),
    f'tracing_proxies_spool_max_bytes{{sink="langfuse",{LABELS}}}': (1_000, 1_000, 1_000),
    f"tracing_proxies_sampling_step{{{LABELS}}}": (0, 0, 0),
    f"tracing_proxies_on{{{LABELS}}}": (1, 1, 1),
    f'tracing_proxies_clock_skew_seconds{{sink="langfuse",{LABELS}}}': (0.5, 0.5, 0.5),
}
HELD_UP = f'tracing_proxies_calls_held_up_total{{target="shop:Agent.run",{LABELS}}}'
DROPPED = f'tracing_proxies_spans_total{{sink="langfuse",fate="dropped",reason="rejected",{LABELS}}}'
FAULTS: dict[str, tuple[Levels, Levels, str]] = {
    "tracing_overhead": ({HELD_UP: (-1, 0.1, 0)}, {}, 'target="shop:Agent.run"'),
    "agent_overhead": ({list(COUNTERS)[-1]: (0.0001, 0.05, 0.0001)}, {}, ""),
    "trace_success": ({DROPPED: (-1, 10, 0)}, {}, 'sink="langfuse"'),
    "langfuse_unreachable": ({}, {next(iter(GAUGES)): (1, 0, 1)}, ""),
    "delivery_lag": ({}, {list(GAUGES)[1]: (1, 300, 1)}, ""),
    "clock_skew": ({}, {list(GAUGES)[-1]: (0.5, 90, 0.5)}, ""),
    "throughput_drop": ({next(iter(COUNTERS)): (30, 20, 30)}, {}, ""),
    "agent_errors": ({list(COUNTERS)[1]: (0.1, 10, 0.1)}, {}, 'target="shop:Agent.run"'),
    "agent_latency": ({list(COUNTERS)[3]: (30, 16, 30)}, {}, 'target="shop:Agent.run"'),
    "spool_nearly_full": ({}, {list(GAUGES)[2]: (100, 900, 100)}, 'sink="langfuse"'),
    "degraded": ({}, {list(GAUGES)[4]: (0, 2, 0)}, ""),
}


def samples(levels: tuple[float, float, float], write: Callable[[float, float], float]) -> str:
    """Write a series' samples over the three phases; a level of -1 stands for a series that is not there yet."""
    found, last = [], 0.0
    for level, many in zip(levels, PHASES, strict=True):
        for _ in range(many):
            last = write(last, max(0.0, level))
            found.append("_" if level == -1 else f"{last:g}")
    return " ".join(found)


def unit_test(rule: str | None) -> dict[str, object]:
    counters, gauges, label = FAULTS[rule] if rule is not None else ({}, {}, "")
    series = [
        {"series": name, "values": samples(levels, lambda last, level: last + level)}
        for name, levels in {**COUNTERS, **counters}.items()
    ]
    series += [
        {"series": name, "values": samples(levels, lambda last, level: level)}
        for name, levels in {**GAUGES, **gauges}.items()
    ]
    known = 'alertname="{}",alertstate="firing",rule="{}",severity="{}"'
    alerts = []
    if rule is not None:
        labels = known.format(alert_name(SHIPPED[rule]), rule, SHIPPED[rule].severity)
        alerts = [{"labels": "ALERTS{" + ",".join(filter(None, (labels, label))) + "}", "value": 1}]
    before, during, after = (sum(PHASES[: at + 1]) * STEP - STEP for at in range(3))
    return {
        "interval": f"{STEP}s",
        "input_series": series,
        "promql_expr_test": [
            {"expr": 'ALERTS{alertstate="firing"}', "eval_time": f"{at}s", "exp_samples": expected}
            for at, expected in ((before, []), (during, alerts), (after, []))
        ],
    }


@needs_promtool
def test_each_shipped_rule_fires_alone_on_series_with_its_fault_and_resolves_after_it(tmp_path: Path) -> None:
    assert FAULTS.keys() == SHIPPED.keys()
    (tmp_path / "rules.yaml").write_text(rules_file(registry("  {}").alerts))
    tests = [unit_test(rule) for rule in (None, *FAULTS)]
    file = {"rule_files": ["rules.yaml"], "evaluation_interval": f"{STEP}s", "tests": tests}
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump(file, width=10**6))
    assert "SUCCESS" in promtool("test", "rules", "tests.yaml", folder=tmp_path)


CHANNELS = """
  tell: [ops, night, hook, mail, run, log]
  channels:
    ops: { slack: OPS_SLACK }
    night: { pagerduty: OPS_PAGERDUTY }
    hook: { webhook: OPS_HOOK }
    mail: { email: [ann@shop.example], from: t@shop.example, server: "mail.shop.example:25", user: t, password: PW }
    run: { command: [notify] }
"""


def test_the_channels_become_receivers_of_an_alertmanager_without_a_secret() -> None:
    environ = {"OPS_SLACK": "https://hooks.example/T0K3N", "OPS_PAGERDUTY_FILE": "/etc/pagerduty.key"}
    text = alertmanager_file(registry(CHANNELS.lstrip("\n")).alerts, environ)
    assert "T0K3N" not in text
    found = yaml.safe_load(text)
    receivers = {receiver.pop("name"): receiver for receiver in found["receivers"]}
    assert receivers == {
        "log": {},
        "ops": {"slack_configs": [{"api_url_file": "/run/secrets/OPS_SLACK", "send_resolved": True}]},
        "night": {"pagerduty_configs": [{"routing_key_file": "/etc/pagerduty.key", "send_resolved": True}]},
        "hook": {"webhook_configs": [{"url_file": "/run/secrets/OPS_HOOK", "send_resolved": True}]},
        "mail": {
            "email_configs": [
                {
                    "to": "ann@shop.example",
                    "from": "t@shop.example",
                    "smarthost": "mail.shop.example:25",
                    "require_tls": True,
                    "send_resolved": True,
                    "auth_username": "t",
                    "auth_password_file": "/run/secrets/PW",
                }
            ]
        },
    }
    routes = found["route"]["routes"]
    assert len(routes) == 4 * len(SHIPPED)
    assert [route["continue"] for route in routes[:4]] == [True, True, True, False]
    assert {route["receiver"] for route in routes} == {"ops", "night", "hook", "mail"}


@pytest.mark.skipif(shutil.which("amtool") is None, reason="no amtool here: apt-get install prometheus-alertmanager")
def test_an_alertmanager_takes_the_receivers(tmp_path: Path) -> None:
    text = alertmanager_file(registry(CHANNELS.lstrip("\n")).alerts, {})
    # Debian's is 0.25, which takes a webhook's address from no file.
    (tmp_path / "alertmanager.yml").write_text(re.sub(r"\burl_file: .*", "url: http://desk.example", text))
    command = ["amtool", "check-config", str(tmp_path / "alertmanager.yml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert "SUCCESS" in done.stdout, done.stderr
    assert "5 receivers" in done.stdout


def test_the_command_writes_both_and_says_where_nothing_is_watched(tmp_path: Path) -> None:
    def export(text: str, *arguments: str) -> Result:
        (tmp_path / "registry.yaml").write_text(text)
        return CliRunner().invoke(commands, ["alerts", "export", *arguments, "--registry", f"{tmp_path}/registry.yaml"])

    assert len(yaml.safe_load(export("version: 1\nalerts: {}\n").stdout)["groups"][0]["rules"]) == len(SHIPPED)
    assert yaml.safe_load(export("version: 1\nalerts: {}\n", "--alertmanager").stdout)["receivers"] == [{"name": "log"}]
    done = export("version: 1\n", "--prometheus")
    assert done.exit_code == 1
    assert "the registry has no `alerts:` block" in done.stderr
