"""`tracing-proxies report`: write traces into one file to send to somebody."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from typing import Final

import attrs
import click

from tracing_proxies.cli.stores import find_trace, open_or_tell, surroundings
from tracing_proxies.registry.units import UnitError, parse_duration
from tracing_proxies.viewer.documents import Surroundings
from tracing_proxies.viewer.markdown import write_markdown
from tracing_proxies.viewer.perfetto import write_perfetto
from tracing_proxies.viewer.report import make_report
from tracing_proxies.viewer.selection import Selection
from tracing_proxies.viewer.spans import read_spans
from tracing_proxies.viewer.store import read_trace
from tracing_proxies.viewer.traces import read_page, read_trace_row

_ENDINGS: Final = {"html": "html", "markdown": "md", "perfetto": "json"}
_AMPLE: Final = 3600.0
_ALL: Final = Selection()


@click.command()
@click.argument("trace", required=False)
@click.option("--since", metavar="AGE", help="Only traces that are younger, as in 1h or 2d.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="At most so many traces.")
@click.option("--store", type=click.Path(path_type=Path), help="The store's file; else the registry's.")
@click.option("--registry", type=click.Path(path_type=Path), help="The registry; else the next one upwards.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The file to write; - for the standard output.")
@click.option(
    "--format",
    "kind",
    type=click.Choice(list(_ENDINGS)),
    default="html",
    show_default=True,
    help="html: the page in one file. markdown: trees in text. perfetto: Chrome trace JSON.",
)
def report(
    trace: str | None,
    since: str | None,
    limit: int,
    store: Path | None,
    registry: Path | None,
    output: Path | None,
    kind: str,
) -> None:
    """Write the trace TRACE, or the newest ones, into one self-contained file.

    TRACE is an id, its beginning, or `last`. What is in the file is masked as it is in the store. It is readable by you
    alone until you pass it on.
    """
    if trace is not None and since is not None:
        raise click.UsageError("TRACE and --since exclude each other")
    try:
        after = None if since is None else time.time_ns() - parse_duration(since)
    except UnitError as error:
        raise click.UsageError(error.message) from None
    around = surroundings(registry, store)
    with open_or_tell(around.store) as connection:
        if trace is not None:
            chosen = [find_trace(connection, trace)]
        else:
            bounds = [moment for moment in (after, around.oldest(time.time_ns())) if moment is not None]
            chosen = newest_traces(connection, limit, since=max(bounds, default=None))
        if not chosen:
            raise click.ClickException(f"there is no trace in {around.store}" + (f" since {since}" if since else ""))
        text = render(connection, chosen, around, kind, counted=trace is None)
    path = output or Path(f"report.{_ENDINGS[kind]}")
    if str(path) == "-":
        click.echo(text)
        return
    write_privately(path, text)
    traces = "1 trace" if len(chosen) == 1 else f"{len(chosen)} traces"
    click.echo(f"{path}: {traces}, {len(text.encode()) / 1e6:.2f} MB")


def newest_traces(
    connection: sqlite3.Connection, most: int, *, since: int | None = None, selection: Selection = _ALL
) -> list[str]:
    """List the ids of the newest traces, the newest first.

    Args:
        since: nanoseconds since the epoch; those that began earlier are left out.
        selection: which are meant.
    """
    found = read_page(connection, attrs.evolve(selection, since=since), size=most, budget=_AMPLE)["traces"]
    return list(dict.fromkeys(row["id"] for row in found))


def render(
    connection: sqlite3.Connection,
    trace_ids: list[str],
    around: Surroundings,
    kind: str = "html",
    *,
    counted: bool = True,
) -> str:
    """Return a report of these traces, the newest first, as text of a kind: html, markdown or perfetto.

    Args:
        counted: whether the agents' figures are of all calls of that time, where they were counted.
    """
    if kind == "perfetto":
        return write_perfetto({trace_id: read_spans(connection, trace_id) for trace_id in trace_ids})
    if kind == "markdown":
        rows = (read_trace_row(connection, trace_id) for trace_id in trace_ids)
        return write_markdown((row, read_trace(connection, row["id"])) for row in rows if row is not None)
    return make_report(connection, trace_ids, around, time.time_ns(), counted=counted)


def write_privately(path: Path, text: str) -> None:
    """Write a file that only its owner may read."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise click.ClickException(f"cannot write {path}: {error.strerror}") from None
    with open(descriptor, "w", encoding="utf-8", errors="replace") as file:
        file.write(text)
