"""`tracing-proxies dashboards`: make Langfuse's dashboards as they are declared, and see whether they show anything."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import attrs
import click

from tracing_proxies.cli.servers import open_server, read_period
from tracing_proxies.langfuse.dashboards.check import Checked, Verdict, check
from tracing_proxies.langfuse.dashboards.model import Collection
from tracing_proxies.langfuse.dashboards.plan import copies, plan
from tracing_proxies.langfuse.dashboards.reading import read_folder, read_shipped
from tracing_proxies.langfuse.dashboards.steps import Action, Step
from tracing_proxies.langfuse.dashboards.sync import carry_out, look
from tracing_proxies.viewer.tree import plain

_SIGNS = {Action.CREATE: "+", Action.UPDATE: "~", Action.KEEP: "=", Action.LEAVE: "!", Action.DELETE: "-"}
_MARKS = {Verdict.FILLED: "✓", Verdict.EMPTY: "○", Verdict.REFUSED: "✗"}
_PRICELESS = "; a model costs nothing until the server is told its price"

_registry = click.option("--registry", type=click.Path(path_type=Path), help="The registry; else the next one upwards.")
_folder = click.option(
    "--from",
    "folder",
    type=click.Path(path_type=Path),
    help="A folder of your own dashboards; else those that are shipped.",
)
_as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.group()
def dashboards() -> None:
    """Make and check dashboards on a Langfuse server, from YAML files.

    The server and the project are those of LANGFUSE_BASE_URL, LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY.
    """


@dashboards.command()
@_registry
@_folder
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--prune", is_flag=True, help="Delete what was made before and is declared no longer.")
@click.option("--force", is_flag=True, help="Overwrite what was edited by hand.")
@_as_json
def sync(registry: Path | None, folder: Path | None, dry_run: bool, prune: bool, force: bool, as_json: bool) -> None:
    """Create and update the dashboards on the server as they are declared.

    What it made it knows by a mark in the description; doing it twice changes nothing. What somebody has edited by hand
    is reported and left alone, and tiles that others have put on a dashboard stay there.

    \b
    The exit status is
      0  the server has what is declared
      1  something was left alone, or the server refused
    """
    collection = _read(folder)
    client = open_server(registry)
    found = look(client)
    steps = plan(collection, found, pruning=prune, force=force)
    if not dry_run:
        carry_out(client, steps, lambda step: None if as_json else _tell(step))
    elif not as_json:
        for step in steps:
            _tell(step)
    counts = Counter(step.action for step in steps)
    copied = copies(found, steps)
    left = [] if prune else plan(collection, found, pruning=True, force=force)
    gone = sum(step.action is Action.DELETE for step in left)
    if as_json:
        told = [_plain_step(step) for step in steps]
        click.echo(json.dumps({"server": client.origin, "dry_run": dry_run, "steps": told, "copies": copied}, indent=2))
    else:
        for name in copied:
            click.echo(plain(f"  a copy of one of these, which is not looked after: {name}"))
        words = ", ".join(f"{counts[action]} {action.value}" for action in Action if counts[action])
        click.echo(f"{client.origin}: {words}" + (" (dry run: nothing was done)" if dry_run else ""))
        if gone:
            click.echo(f"{gone} made before and declared no longer: --prune deletes what is left of them.", err=True)
        if counts[Action.LEAVE]:
            click.echo("What was edited by hand is overwritten with --force.", err=True)
    raise SystemExit(1 if counts[Action.LEAVE] else 0)


@dashboards.command("check")
@_registry
@_folder
@click.option("--since", metavar="AGE", default="7d", show_default=True, help="How far back the queries look.")
@click.option("--filled", is_flag=True, help="End with 1 if a widget shows nothing.")
@_as_json
def check_widgets(registry: Path | None, folder: Path | None, since: str, filled: bool, as_json: bool) -> None:
    """Run the query of every declared widget, and say which are filled, which are empty, which the server refuses.

    \b
    The exit status is
      0  every query runs
      1  the server refuses one, or with --filled: one gives nothing
    """
    collection, period = _read(folder), read_period(since)
    client = open_server(registry)
    results = []
    for result in check(client, collection, period):
        results.append(result)
        if not as_json:
            click.echo(plain(_shown(result)))
    counts = Counter(result.verdict for result in results)
    if as_json:
        told = [{**attrs.asdict(result), "verdict": result.verdict.value} for result in results]
        click.echo(json.dumps({"server": client.origin, "since": since, "widgets": told}, indent=2))
    else:
        words = ", ".join(f"{counts[verdict]} {verdict.value}" for verdict in Verdict if counts[verdict])
        click.echo(f"{client.origin}, the last {since}: {words}")
    wrong = counts[Verdict.REFUSED] + (counts[Verdict.EMPTY] if filled else 0)
    raise SystemExit(1 if wrong else 0)


def _read(folder: Path | None) -> Collection:
    return read_shipped() if folder is None else read_folder(folder)


def _tell(step: Step) -> None:
    reason = f" ({step.reason})" if step.reason else ""
    click.echo(plain(f"{_SIGNS[step.action]} {step.kind:<9} {step.key:<28} {step.name}{reason}"))


def _plain_step(step: Step) -> dict[str, str | None]:
    return {
        "action": step.action.value,
        "kind": step.kind,
        "key": step.key,
        "name": step.name,
        "id": step.thing_id,
        "reason": step.reason or None,
    }


def _shown(result: Checked) -> str:
    rows = sum(any(row.get(name) for name in result.metrics) for row in result.rows)
    told = result.reason or f"{rows} row{'' if rows == 1 else 's'}"
    if result.verdict is Verdict.EMPTY:
        told = "nothing" + (_PRICELESS if all("Cost" in name for name in result.metrics) else "")
    return f"{_MARKS[result.verdict]} {result.key:<28} {result.name}: {told}"
