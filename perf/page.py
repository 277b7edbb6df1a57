"""What each view of the local page reads of a large store: steps of SQLite's machine, milliseconds, and query plans."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import attrs
import click
from rich.console import Console
from rich.table import Table

from tracing_proxies.delivery.sinks.local import LocalSink
from tracing_proxies.delivery.sinks.local_calls import MINUTE, CallMinute, CallName, CallSum
from tracing_proxies.testing import fill_store, workflows
from tracing_proxies.viewer.agents import read_agents
from tracing_proxies.viewer.flow import read_flow
from tracing_proxies.viewer.selection import Selection
from tracing_proxies.viewer.spans import read_span, read_spans
from tracing_proxies.viewer.store import newest_row, open_for_reading, tops_after, traces_after
from tracing_proxies.viewer.traces import read_choices, read_page
from tracing_proxies.viewer.tracing import read_store

EPOCH = 1_790_000_000 * 10**9
RATE = 0.05
"""Triggers a second: a million observations are then a week's."""

STEPS_AT_ONCE = 100
REPEATS = 3
DAY = 86_400 * 10**9
AGENTS = ("inventory_agent", "pricing_agent", "promotion_agent")

Read = Callable[[sqlite3.Connection], Any]


@attrs.frozen
class Cost:
    """What one view costs.

    Args:
        steps: of SQLite's virtual machine, in hundreds; they depend on the rows that are visited, not on the machine.
        milliseconds: the best of a few, ours included.
        longest: milliseconds of the longest single query.
        scans: parts of plans that go through a whole table.
    """

    view: str
    steps: int
    milliseconds: float
    longest: float
    scans: list[str]


def fill(path: Path, spans: int) -> None:
    """Write so many observations to a store, of invented workflows, unless they are there."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    stream, written = workflows(7, rate=RATE, error_share=0.1), 0
    while written < spans:
        session = f"session-{written // 20_000}"
        written += fill_store(path, islice(stream, 500), epoch=EPOCH, session=session)
    with open_for_reading(path) as connection:
        newest = newest_start(connection)
    count_calls(path, newest)


def count_calls(path: Path, newest: int) -> None:
    """Write what three agents and twenty tools were counted in each minute of a week, as two processes do."""
    sink = LocalSink(path, retention_ns=10**30, max_size=2**62)
    names = [CallName(f"shop:{name}", "agent", name, within=False) for name in AGENTS]
    names += [CallName(f"shop:Tools.tool_{n}", "tool", f"tool_{n}", within=False) for n in range(20)]
    sizes = dict.fromkeys(range(600, 640), 1)
    sums = [CallSum(name.target, 40, 2, 10**9, sizes if name.type == "agent" else {}) for name in names]
    for minute in range((newest - 7 * DAY) // MINUTE, newest // MINUTE + 1):
        for process in ("one", "two"):
            assert sink.keep(CallMinute(minute * MINUTE, process, sums, names))
    sink.close()


def newest_start(connection: sqlite3.Connection) -> int:
    """Return when the newest span began, in nanoseconds since the epoch."""
    return int(connection.execute("SELECT max(start_time) FROM spans").fetchone()[0])


def views(connection: sqlite3.Connection, path: Path) -> dict[str, Read]:
    """Return what reads each view, of the newest and of the middle of a store."""
    top = connection.execute("SELECT trace_id, id, start_time FROM spans WHERE app_root ORDER BY start_time DESC")
    trace, span, _ = top.fetchone()
    now, last = newest_start(connection) + 10**9, newest_row(connection)
    middle = f"{(EPOCH + now) // 2}.1"
    day, hour = now - DAY, now - DAY // 24

    def listed(cursor: str = "", **filters: Any) -> Read:
        return lambda c: read_page(c, Selection(**filters), cursor)

    return {
        "traces": listed(),
        "traces, an older page": listed(middle),
        "traces of the last day": listed(since=day),
        "traces of an agent": listed(agent="pricing_agent"),
        "traces of an agent that is none": listed(agent="nobody"),
        "traces of a source": listed(source="promotion"),
        "traces with errors": listed(level="ERROR"),
        "traces with warnings": listed(level="WARNING"),
        "traces of an old session": listed(session="session-1"),
        "traces of a session that is none": listed(session="none"),
        "traces of a name that is none": listed(name="none"),
        "traces with a text": listed(text="wool-scarf"),
        "traces with a text that is nowhere": listed(text="nowhere to be found"),
        "what can be filtered by": lambda c: read_choices(c, Selection()),
        "a trace": lambda c: read_spans(c, trace),
        "a span": lambda c: read_span(c, trace, span),
        "flow": lambda c: read_flow(c, Selection()),
        "flow of the last day": lambda c: read_flow(c, Selection(since=day)),
        "flow of a trigger": lambda c: read_flow(c, Selection(name="simulation.stock_alert")),
        "flow of a trigger that is none": lambda c: read_flow(c, Selection(name="none")),
        "agents": lambda c: read_agents(c, Selection(), now, compare=False),
        "agents of the last hour": lambda c: read_agents(c, Selection(since=hour), now),
        "agents of the last day": lambda c: read_agents(c, Selection(since=day), now),
        "agents of the last week": lambda c: read_agents(c, Selection(since=now - 7 * DAY), now),
        "tracing itself": lambda c: read_store(c, path),
        "what is new": lambda c: (
            newest_row(c), traces_after(c, last - 500), tops_after(c, last - 500, Selection()),
        ),
    }  # fmt: skip


def measure(connection: sqlite3.Connection, view: str, read: Read) -> Cost:
    """Read a view a few times."""
    steps, queries = 0, set[str]()

    def step() -> None:
        nonlocal steps
        steps += 1

    connection.set_progress_handler(step, STEPS_AT_ONCE)
    connection.set_trace_callback(queries.add)
    read(connection)
    connection.set_progress_handler(None, 0)
    connection.set_trace_callback(None)
    best = min(_time(lambda: read(connection)) for _ in range(REPEATS))
    asked = [query for query in queries if query.lstrip().startswith("SELECT")]
    scans = {step for query in asked for step in plan(connection, query) if step.startswith("SCAN ")}
    longest = max(_time(lambda query=query: connection.execute(query).fetchall()) for query in asked)
    return Cost(view, steps, best, longest, sorted(scans))


def plan(connection: sqlite3.Connection, query: str) -> list[str]:
    """Return the steps of a query's plan."""
    return [str(row["detail"]) for row in connection.execute(f"EXPLAIN QUERY PLAN {query}")]


def _time(act: Callable[[], Any]) -> float:
    begun = time.thread_time()
    act()
    return (time.thread_time() - begun) * 1e3


@click.command()
@click.option("--spans", default=1_000_000, show_default=True, help="How many observations the store is to hold.")
@click.option("--store", type=click.Path(path_type=Path), default=Path("build/page.db"), show_default=True)
def main(spans: int, store: Path) -> None:
    """Fill a store, read every view of it, and say what that cost."""
    fill(store, spans)
    table = Table("view", "steps / 100", "ms", "longest query, ms", "whole tables")
    with open_for_reading(store) as connection:
        for view, read in views(connection, store).items():
            cost = measure(connection, view, read)
            figures = f"{cost.steps:,}", f"{cost.milliseconds:.1f}", f"{cost.longest:.1f}", "; ".join(cost.scans)
            table.add_row(view, *figures)
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
