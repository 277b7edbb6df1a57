"""`tracing-proxies show` and `tail`: traces as trees in the terminal."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.text import Text

from tracing_proxies.cli.report import newest_traces
from tracing_proxies.cli.stores import find_trace, open_or_tell, surroundings
from tracing_proxies.viewer.selection import LEVELS, Selection
from tracing_proxies.viewer.store import newest_row, open_for_reading, read_trace, tops_after
from tracing_proxies.viewer.tree import draw_trace, plain

_LOOK_EVERY: Final = 0.5


@click.command()
@click.argument("trace", default="last")
@click.option("--store", type=click.Path(path_type=Path), help="The store's file; else the registry's.")
@click.option("--registry", type=click.Path(path_type=Path), help="The registry; else the next one upwards.")
def show(trace: str, store: Path | None, registry: Path | None) -> None:
    """Draw the trace TRACE as a tree: an id, its beginning, or `last`, the newest that is more than a single event."""
    around = surroundings(registry, store)
    with open_or_tell(around.store) as connection:
        _draw(Console(), read_trace(connection, find_trace(connection, trace)))


@click.command()
@click.option("-n", "--lines", type=click.IntRange(0), default=3, show_default=True, help="Show so many at first.")
@click.option("--follow/--no-follow", default=True, help="Wait for more, until Ctrl-C.")
@click.option("--agent", default="", help="Only traces in which this agent was at work.")
@click.option("--level", type=click.Choice(LEVELS), help="Only traces with a span of this level.")
@click.option("--name", default="", help="Only traces of this name, which is that of their first span.")
@click.option("--store", type=click.Path(path_type=Path), help="The store's file; else the registry's.")
@click.option("--registry", type=click.Path(path_type=Path), help="The registry; else the next one upwards.")
def tail(
    lines: int, follow: bool, agent: str, level: str | None, name: str, store: Path | None, registry: Path | None
) -> None:
    """Draw the newest traces as trees, a line for each span, and each further one as it ends."""
    around = surroundings(registry, store)
    meant = Selection(agent=agent, level=level or "", name=name)
    console = Console()
    row = 0
    if around.store.exists() or not follow:
        with open_or_tell(around.store) as connection:
            row = newest_row(connection)
            oldest = around.oldest(time.time_ns())
            newest = newest_traces(connection, lines, since=oldest, selection=meant) if lines else []
            for trace_id in reversed(newest):
                _draw(console, read_trace(connection, trace_id), one_line=True)
    while follow:
        time.sleep(_LOOK_EVERY)
        try:
            with open_for_reading(around.store) as connection:
                last = newest_row(connection)
                ended = tops_after(connection, row, meant) if last > row else []
                for trace_id in ended:
                    _draw(console, read_trace(connection, trace_id), one_line=True)
                row = last
        except FileNotFoundError:
            row = 0


def _draw(console: Console, observations: list[dict[str, Any]], *, one_line: bool = False) -> None:
    tree = draw_trace(observations)
    if tree is None:
        return
    first = observations[0]
    when = datetime.fromtimestamp(first["start_time"] / 1e9).astimezone()
    console.print(Text(f"{when:%Y-%m-%d %H:%M:%S %z}  {plain(first['trace_id'])}", "dim"))
    # Of what scrolls by, each span has its line; what does not fit there is shown by `show`.
    console.print(tree, no_wrap=one_line, overflow="ellipsis" if one_line else None)
    console.print()
