"""`tracing-proxies status`: what a process traces, what the registry asks for here, what its local store holds."""

from __future__ import annotations

import json
import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click

from tracing_proxies import destinations
from tracing_proxies.cli.control import EXIT_STATUSES
from tracing_proxies.cli.running import draw_list, draw_process
from tracing_proxies.cli.top import find_group
from tracing_proxies.control.client import NO_ANSWER, ask, traced_processes
from tracing_proxies.errors import ControlError, RegistryError
from tracing_proxies.monitoring import figures
from tracing_proxies.monitoring.prometheus import write_text
from tracing_proxies.monitoring.workers import folder_of, merge_living, merge_windows
from tracing_proxies.registry.discovery import find_registry
from tracing_proxies.registry.loader import load_registry
from tracing_proxies.viewer.store import open_for_reading, summarise
from tracing_proxies.viewer.tree import plain


@click.command(epilog=EXIT_STATUSES)
@click.argument("pid", required=False, type=click.IntRange(min=1))
@click.option("--registry", type=click.Path(path_type=Path), help="The registry; else the next one upwards.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, with the metrics of the application.")
@click.option("--prometheus", is_flag=True, help="Print the metrics of all processes of the application, as text.")
def status(pid: int | None, registry: Path | None, as_json: bool, prometheus: bool) -> None:
    """Show what is traced in the process PID and what became of its spans.

    Without a PID: your traced processes, the registry that holds here, where its spans go, and what the local store has
    of them.
    """
    if prometheus:
        click.echo(write_text(merge_living(find_group(pid))), nl=False)
        return
    if pid is not None:
        found = ask(pid, "status")
        if as_json and found.get("active"):
            found["metrics"] = _metrics(pid)
        click.echo(json.dumps(found, indent=2) if as_json else "\n".join(map(plain, _drawn(pid, found))))
        return
    processes = traced_processes()
    try:
        found = describe(find_registry(registry, os.environ, Path.cwd()))
    except RegistryError as error:
        if not processes or registry is not None:
            raise
        found = {"registry": None, "problems": [str(problem) for problem in error.problems]}
    if as_json:
        running = [{"pid": process.pid, "status": process.status} for process in processes]
        click.echo(json.dumps({**found, "running": running}, indent=2))
        return
    for name, value in found.items():
        click.echo(f"{name.replace('_', ' '):<16}{_shown(value)}")
    click.echo(f"{'running':<16}{len(processes) or 'no traced process of yours'}")
    for line in draw_list(processes):
        click.echo(plain(line))


def _metrics(pid: int) -> dict[str, Any] | None:
    """Return the figures of the application that a process belongs to; None where it has not any."""
    try:
        return figures.describe(merge_windows(folder_of(pid)))
    except ControlError:  # of another version, or with no folder that is its own
        return None


def _drawn(pid: int, found: dict[str, Any]) -> list[str]:
    try:
        return list(draw_process(found))
    except (KeyError, TypeError):
        message = f"process {pid} runs another version of tracing-proxies; with --json its answer is shown as it is"
        raise ControlError(message, NO_ANSWER) from None


def describe(path: Path) -> dict[str, Any]:
    """Describe a registry and its local store in plain values."""
    registry = load_registry(path)
    host = destinations.langfuse_host(os.environ)
    store = destinations.store_path(registry)
    found: dict[str, Any] = {
        "registry": str(path),
        "tracing": "off" if os.environ.get("TRACING_PROXIES", "").lower() in ("off", "0", "false") else "on",
        "rules": sum(rule.preset is None for rule in registry.rules),
        "presets": [preset.name for preset in registry.presets],
        "left_out": [f"{name}: {reason}" for name, reason in registry.skipped_presets],
        "langfuse": host or "no keys in the environment",
        "store": str(store),
    }
    try:
        with open_for_reading(store) as connection:
            summary = summarise(connection)
    except FileNotFoundError:
        return {**found, "traces": 0}
    newest = None
    if summary.newest is not None:
        newest = datetime.fromtimestamp(summary.newest / 1e9, timezone.utc).isoformat(timespec="seconds")
    return {**found, "traces": summary.traces, "spans": summary.spans, "errors": summary.errors, "newest": newest}


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value) or "none"
    return str(value)
