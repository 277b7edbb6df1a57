"""`tracing-proxies alerts`: what is watched and what fires; acknowledge, resolve, try out and export it."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import click

from tracing_proxies.cli.control import EXIT_STATUSES
from tracing_proxies.control.client import ask, traced_processes
from tracing_proxies.errors import ControlError
from tracing_proxies.finishing import service_names
from tracing_proxies.monitoring.alert_export import alertmanager_file, rules_file
from tracing_proxies.monitoring.channel_messages import Notification, write_amount
from tracing_proxies.monitoring.channels import Channel, ChannelError, LogChannel, open_channel
from tracing_proxies.registry.alert_rules import LOG, AlertRule
from tracing_proxies.registry.alerting import MEASURES
from tracing_proxies.registry.discovery import find_registry
from tracing_proxies.registry.loader import load_registry
from tracing_proxies.registry.model import Registry
from tracing_proxies.viewer.tree import plain

_registry = click.option("--registry", type=click.Path(path_type=Path), help="The registry; else the next one upwards.")
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
_pid = click.argument("pid", required=False, type=click.IntRange(min=1))
_OFF: Final = "nothing is watched: the registry has no `alerts:` block"


@click.group()
def alerts() -> None:
    """See what is watched and what fires; acknowledge and resolve it; try channels; export rules."""


@alerts.command("list", epilog=EXIT_STATUSES)
@_pid
@_registry
@_json
def list_alerts(pid: int | None, registry: Path | None, as_json: bool) -> None:
    """List the alerts of the process PID, or of all your traced processes; without any, the registry's rules."""
    found = dict(_ask_all(pid, "alerts"))
    if not found:
        _list_rules(_load(registry), as_json)
        return
    if as_json:
        click.echo(json.dumps([{"pid": one, **told} for one, told in found.items()], indent=2))
        return
    for one, told in found.items():
        for line in _drawn(one, told):
            click.echo(plain(line))


@alerts.command(epilog=EXIT_STATUSES)
@click.argument("name")
@_pid
def ack(name: str, pid: int | None) -> None:
    """Acknowledge what fires under NAME, a rule's or RULE/AGENT: it is not told again until it is over."""
    _tell_all(pid, "acknowledge", name, "acknowledged", "nothing of that name fires")


@alerts.command(epilog=EXIT_STATUSES)
@click.argument("name")
@_pid
def resolve(name: str, pid: int | None) -> None:
    """Take what is now for the normal: what is wrong under NAME is over, and its baseline is learnt anew."""
    _tell_all(pid, "resolve", name, "resolved", "nothing of that name is wrong")


@alerts.command()
@click.argument("channels", nargs=-1)
@_registry
def test(channels: tuple[str, ...], registry: Path | None) -> None:
    """Send a test by CHANNELS, or by all that the registry defines, with the secrets of this environment.

    The exit status is 1 if one of them does not take it.
    """
    loaded = _load(registry)
    known: dict[str, Channel] = {LOG: LogChannel()}
    known |= {channel.name: open_channel(channel, os.environ) for channel in loaded.alerts.channels}
    for name in channels:
        if name not in known:
            raise click.ClickException(f"no channel is named {name!r}; there are {', '.join(known)}")
    failed = False
    for name in channels or tuple(known):
        try:
            known[name].send(_test_of(loaded))
        except ChannelError as error:
            failed = True
            click.echo(f"✗ {name}: {error}")
        else:
            click.echo(f"✓ {name}")
    sys.exit(int(failed))


@alerts.command()
@click.option(
    "--prometheus", "form", flag_value="prometheus", default=True, help="The rules, for Prometheus (default)."
)
@click.option("--alertmanager", "form", flag_value="alertmanager", help="The channels, for its Alertmanager.")
@_registry
def export(form: str, registry: Path | None) -> None:
    """Write the registry's rules, or its channels, to the standard output; no secret is among them."""
    settings = _load(registry).alerts
    if not settings.rules:
        raise click.ClickException(_OFF)
    click.echo(rules_file(settings) if form == "prometheus" else alertmanager_file(settings, os.environ), nl=False)


def _load(registry: Path | None) -> Registry:
    return load_registry(find_registry(registry, os.environ, Path.cwd()))


def _ask_all(pid: int | None, command: str, about: str | None = None) -> Iterator[tuple[int, Any]]:
    """Ask one process, or each that is there; of those a process that cannot answer is told on the error output."""
    if pid is not None:
        yield pid, ask(pid, command, about=about)
        return
    for running in traced_processes():
        try:
            yield running.pid, ask(running.pid, command, about=about)
        except ControlError as error:
            click.echo(plain(f"process {running.pid}: {error}"), err=True)


def _tell_all(pid: int | None, command: str, name: str, done: str, nothing: str) -> None:
    found = False
    for one, labels in _ask_all(pid, command, name):
        for label in labels:
            found = True
            click.echo(plain(f"process {one}: {label} is {done}"))
    if not found:
        raise ControlError(f"{nothing}: {name}", 1)


def _list_rules(registry: Registry, as_json: bool) -> None:
    settings = registry.alerts
    if as_json:
        rules = [{"name": rule.name, "severity": rule.severity, "wrong": _in_words(rule)} for rule in settings.rules]
        click.echo(json.dumps({"on": settings.on, "rules": rules}, indent=2))
    elif not settings.on:
        click.echo(_OFF)
    else:
        for rule in settings.rules:
            click.echo(f"{rule.name:<22}{rule.severity:<10}{_in_words(rule)}")


def _in_words(rule: AlertRule) -> str:
    limit = f"{rule.limit:.0%}" if rule.is_relative else write_amount(rule.limit, rule.measure.unit)
    return f"{rule.metric} {rule.comparison} {limit}" + (f" for {rule.hold:g} s" if rule.hold else "")


def _drawn(pid: int, told: Mapping[str, Any]) -> Iterator[str]:
    if not told["on"]:
        yield f"process {pid}: {_OFF}"
        return
    wrong = [alert for alert in told["alerts"] if alert["state"] != "inactive"]
    yield f"process {pid}: {len(told['alerts'])} watched, {sum(one['state'] == 'firing' for one in wrong)} firing"
    for alert in told["alerts"]:
        yield from _draw_alert(alert)
    for name, channel in told["channels"].items():
        trouble = f"; {channel['reason']}" if channel["reason"] else ""
        yield f"channel {name}: {channel['sent']} sent, {channel['waiting']} waiting{trouble}"


def _draw_alert(alert: Mapping[str, Any]) -> Iterator[str]:
    state = "acknowledged" if alert["acknowledged"] else alert["state"]
    value = write_amount(alert["value"], MEASURES[alert["metric"]].unit)
    usual = f", usually {write_amount(alert['usual'], alert['unit'])}" if alert["usual"] is not None else ""
    since = f", for {alert['for']:.0f} s" if alert["for"] is not None else ""
    yield f"{state:<13}{alert['severity']:<9} {alert['name']:<20} {value}{usual}{since}"
    if alert["subject"]:
        yield f"{'':<23} {alert['subject']}"


def _test_of(registry: Registry) -> Notification:
    service = service_names(registry, os.environ)
    return Notification(
        key=f"tracing_proxies/{service.name}/{service.environment}/test",
        name="test",
        what="test",
        severity="info",
        subject="",
        text="somebody has tried this channel; nothing is wrong",
        service=service.name,
        environment=service.environment,
        process=f"{socket.gethostname()}:{os.getpid()}",
        at=time.time(),
    )
