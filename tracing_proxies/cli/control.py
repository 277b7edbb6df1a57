"""`tracing-proxies off`, `on` and `reload`: tell a running process what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click

from tracing_proxies.control.client import ask

EXIT_STATUSES = (
    "The exit status is 1 if the process refuses, 3 if there is no such process, 4 if it is not traced, 5 if it is "
    "another user's, 6 if it gives no answer."
)


@click.command(epilog=EXIT_STATUSES)
@click.argument("pid", type=click.IntRange(min=1))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def off(pid: int, as_json: bool) -> None:
    """Switch tracing off in the process PID: calls pass through, nothing is recorded, until `on`.

    Spans of calls that have begun end as usual. Other processes go on, but for those that this one forks from now on.
    """
    _tell(pid, "off", as_json, lambda told: f"tracing is off in process {pid}; {told['woven']} callables pass through")


@click.command(epilog=EXIT_STATUSES)
@click.argument("pid", type=click.IntRange(min=1))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def on(pid: int, as_json: bool) -> None:
    """Switch tracing on again in the process PID, under the registry that it has loaded last."""
    _tell(pid, "on", as_json, lambda told: f"tracing is on in process {pid}; {told['woven']} callables are traced")


@click.command(epilog=EXIT_STATUSES)
@click.argument("pid", type=click.IntRange(min=1))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def reload(pid: int, as_json: bool) -> None:
    """Have the process PID read its registry again; with a mistake in it the last good one stays."""
    _tell(pid, "reload", as_json, lambda told: f"process {pid} has loaded {told['registry']}")


def _tell(pid: int, command: str, as_json: bool, describe: Callable[[Any], str]) -> None:
    told = ask(pid, command)
    click.echo(json.dumps(told, indent=2) if as_json else describe(told))
