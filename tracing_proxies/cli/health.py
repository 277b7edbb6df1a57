"""`tracing-proxies health`: how tracing does, in running processes or by the registry alone, and what to do."""

from __future__ import annotations

import json
import os
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
import click

from tracing_proxies.control.client import REFUSED, ask, traced_processes
from tracing_proxies.diagnosis.destination import look_at_destinations
from tracing_proxies.diagnosis.finding import FINE, NOTE
from tracing_proxies.errors import ControlError
from tracing_proxies.monitoring.health import DEGRADED, FAILING, OK, STATES, Check
from tracing_proxies.registry.discovery import find_registry
from tracing_proxies.registry.loader import load_registry
from tracing_proxies.viewer.tree import plain

_SIGNS: Final = {OK: "✓", DEGRADED: "!", FAILING: "✗"}
_WIDTH: Final = 80
_INDENT: Final = " " * 19
_STATUSES: Final = (
    "The exit status is 0 if all is well, 1 if something is degraded, 2 if spans are being lost; and 3 if there is no "
    "such process, 4 if it is not traced, 5 if it is another user's, 6 if it gives no answer."
)


@click.command(epilog=_STATUSES)
@click.argument("pid", required=False, type=click.IntRange(min=1))
@click.option("--registry", type=click.Path(path_type=Path), help="Check this registry's destinations, no process.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def health(pid: int | None, registry: Path | None, as_json: bool) -> None:
    """Check how tracing does in the process PID, or in all of your traced processes; nothing is written anywhere.

    Where none is running: whether the registry's destinations could be used from here.
    """
    found = [] if registry is not None else list(_ask_all(pid))
    if not found:
        found = [{"pid": None, "program": None, **_look(registry)}]
    state = max((one["state"] for one in found), key=STATES.index)
    if as_json:
        click.echo(json.dumps({"state": state, "processes": found}, indent=2))
    else:
        for one in found:
            click.echo("\n".join(_drawn(one)))
    sys.exit(STATES.index(state))


def _ask_all(pid: int | None) -> Iterator[dict[str, Any]]:
    if pid is not None:
        yield ask(pid, "health")
        return
    for running in traced_processes():
        try:
            yield ask(running.pid, "health")
        except ControlError as error:
            state = DEGRADED if error.exit_status == REFUSED else FAILING
            check = Check("process", state, f"{error}.", "See whether the process hangs, or runs another version.")
            yield {"pid": running.pid, "program": None, "state": state, "checks": [attrs.asdict(check)]}


def _look(registry: Path | None) -> dict[str, Any]:
    loaded = load_registry(find_registry(registry, os.environ, Path.cwd()))
    states = {FINE: OK, NOTE: DEGRADED}
    checks = [
        Check(finding.about, states.get(finding.level, FAILING), finding.seen, finding.todo)
        for finding in look_at_destinations(loaded, os.environ)
    ]
    state = max((check.state for check in checks), key=STATES.index, default=OK)
    return {"state": state, "checks": [attrs.asdict(check) for check in checks]}


def _drawn(found: Mapping[str, Any]) -> Iterator[str]:
    who = (
        "the registry's destinations, from here"
        if found["pid"] is None
        else f"{found['pid']} {found['program'] or ''}".strip()
    )
    yield f"{plain(who)}: {found['state']}"
    for check in found["checks"]:
        yield from _lines(f"{_SIGNS[check['state']]} {check['name']:<16} ", plain(check["seen"]))
        if check["todo"]:
            yield from _lines(_INDENT, plain(check["todo"]))


def _lines(first: str, text: str) -> Sequence[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=first, subsequent_indent=_INDENT, break_long_words=False)
