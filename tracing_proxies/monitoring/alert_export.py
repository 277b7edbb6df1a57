"""The rules for a Prometheus, and the channels for its Alertmanager: for those who watch many processes at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import yaml

from tracing_proxies.monitoring.alert_measures import to_promql
from tracing_proxies.monitoring.channel_messages import write_amount
from tracing_proxies.registry.alert_rules import AlertRule, ChannelSettings
from tracing_proxies.registry.alerting import AlertSettings

_PREFIX: Final = "TracingProxies"
_NOTE: Final = "# Made by `tracing-proxies alerts export`.\n"
_SECRETS: Final = "/run/secrets"
_LEAST_CALM: Final = 60


def rules_file(settings: AlertSettings) -> str:
    """Write the rules as a file that Prometheus loads."""
    rules = [_rule(rule) for rule in settings.rules]
    group = {"name": "tracing_proxies", "interval": f"{max(1, round(settings.every))}s", "rules": rules}
    return _NOTE + _yaml({"groups": [group]})


def alertmanager_file(settings: AlertSettings, environ: Mapping[str, str]) -> str:
    """Write the channels as a configuration of Alertmanager, 0.26 or newer.

    No secret is in it: it names files. A channel whose secret comes by a file has that one, all others one below
    ``/run/secrets`` that is named after the variable.
    """
    known = {channel.name: channel for channel in settings.channels}
    receivers: list[dict[str, Any]] = [{"name": "log"}]
    receivers += [_receiver(channel, environ) for channel in known.values() if channel.kind != "command"]
    sent = {receiver["name"] for receiver in receivers}
    routes = []
    for rule in settings.rules:
        for at, name in enumerate(tell := [name for name in rule.tell if name in sent and name != "log"]):
            routes.append(
                {
                    "receiver": name,
                    "matchers": [f'alertname="{alert_name(rule)}"'],
                    "repeat_interval": f"{max(_LEAST_CALM, round(rule.cool_down))}s",
                    "continue": at + 1 < len(tell),
                }
            )
    route = {"receiver": "log", "group_by": ["alertname", "target", "sink"], "routes": routes}
    return _NOTE + _yaml({"route": route, "receivers": receivers})


def alert_name(rule: AlertRule) -> str:
    """Name a rule as Prometheus's own are named: ``agent_errors`` is ``TracingProxiesAgentErrors``."""
    words = "".join(c if c.isascii() and c.isalnum() else " " for c in rule.name).split()
    return _PREFIX + "".join(word[:1].upper() + word[1:] for word in words)


def _rule(rule: AlertRule) -> dict[str, Any]:
    limit = write_amount(rule.limit, rule.measure.unit) if not rule.is_relative else f"{rule.limit:.0%}"
    compared = f"{rule.comparison} {limit}" + (" against its baseline" if rule.is_relative else "")
    made: dict[str, Any] = {"alert": alert_name(rule), "expr": to_promql(rule)}
    if rule.hold:
        made["for"] = f"{rule.hold:.0f}s"
    about = ": {{ $labels.target }}" if rule.measure.by_agent else ""
    return {
        **made,
        "labels": {"severity": rule.severity, "rule": rule.name},
        "annotations": {
            "summary": (rule.summary or rule.name) + about,
            "description": f"{rule.metric} is {{{{ $value }}}}; {compared} is wrong. {rule.measure.doc}",
        },
    }


def _receiver(channel: ChannelSettings, environ: Mapping[str, str]) -> dict[str, Any]:
    secret = channel.secret and (environ.get(f"{channel.secret}_FILE") or f"{_SECRETS}/{channel.secret}")
    if channel.kind == "slack":
        return {"name": channel.name, "slack_configs": [{"api_url_file": secret, "send_resolved": True}]}
    if channel.kind == "pagerduty":
        return {"name": channel.name, "pagerduty_configs": [{"routing_key_file": secret, "send_resolved": True}]}
    if channel.kind == "webhook":
        return {"name": channel.name, "webhook_configs": [{"url_file": secret, "send_resolved": True}]}
    host, _, port = channel.server.partition(":")
    email: dict[str, Any] = {
        "to": ", ".join(channel.to),
        "from": channel.sender,
        "smarthost": f"{host}:{port or '587'}",
        "require_tls": channel.security != "none",
        "send_resolved": True,
    }
    if secret:
        email |= {"auth_username": channel.user, "auth_password_file": secret}
    return {"name": channel.name, "email_configs": [email]}


def _yaml(tree: Any) -> str:
    return str(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, width=120))
