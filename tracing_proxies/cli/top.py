"""`tracing-proxies top`: what the traced processes of an application do, as it happens."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tracing_proxies.cli.control import EXIT_STATUSES
from tracing_proxies.control.client import NOT_TRACED, traced_processes
from tracing_proxies.errors import ControlError
from tracing_proxies.monitoring.figures import Count, describe
from tracing_proxies.monitoring.workers import folder_of, merge_windows
from tracing_proxies.sampling.ladder import STEPS
from tracing_proxies.viewer.tree import plain

_WINDOWS: Final = ("1m", "5m", "1h", "start")
_LEAST_ROWS: Final = 3
_OTHER_LINES: Final = 9
_MOST_AGENTS: Final = 5
_NAME: Final = 31
_UNITS: Final = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"))
_SORTS: Final[Mapping[str, Callable[[Mapping[str, Any]], float]]] = {
    "calls": lambda row: row["calls"],
    "errors": lambda row: row["errors"],
    "p95": lambda row: row["p95"] or 0.0,
}


@click.command(epilog=EXIT_STATUSES)
@click.argument("pid", required=False, type=click.IntRange(min=1))
@click.option("--window", type=click.Choice(_WINDOWS), default="1m", show_default=True, help="Over which time.")
@click.option("--sort", type=click.Choice(tuple(_SORTS)), default="calls", show_default=True, help="What comes first.")
@click.option("--interval", type=click.FloatRange(0.2), default=2.0, show_default=True, help="Seconds between looks.")
@click.option("--once", is_flag=True, help="Show it once, and end.")
def top(pid: int | None, window: str, sort: str, interval: float, once: bool) -> None:
    """Show what is called how often, how long it takes and how much of it fails, in all processes of an application.

    PID is any of its processes; without it, the only traced application of yours. Ctrl-C ends it.
    """
    folder = find_group(pid)
    console = Console(highlight=False)
    if once or not console.is_terminal:
        console.print(draw(merge_windows(folder), window, sort, rows=None))
        return
    try:
        with Live(console=console, screen=True, auto_refresh=False) as live:
            while True:
                rows = max(_LEAST_ROWS, console.height - _OTHER_LINES - _MOST_AGENTS)
                live.update(draw(merge_windows(folder), window, sort, rows=rows), refresh=True)
                time.sleep(interval)
    except KeyboardInterrupt:
        return


def find_group(pid: int | None) -> Path:
    """Return the folder of an application's numbers.

    Args:
        pid: any of its processes; None for the only application there is.

    Raises:
        ControlError: there is none, or more than one.
    """
    if pid is not None:
        return folder_of(pid)
    found: dict[Path, int] = {}
    for running in traced_processes():
        try:
            found.setdefault(folder_of(running.pid), running.pid)
        except ControlError:  # it has just ended, or is of another version
            continue
    if not found:
        raise ControlError("no traced process of yours is running", NOT_TRACED)
    if len(found) > 1:
        named = ", ".join(map(str, found.values()))
        raise ControlError(f"more than one application is traced: name a process, one of {named}", 1)
    return next(iter(found))


def draw(windows: Mapping[str, Count], window: str, sort: str, rows: int | None) -> RenderableType:
    """Draw one screen, 80 columns wide.

    Args:
        window: of those that there are, the one that is shown.
        rows: how many targets are shown at most; None for all.
    """
    shown = window if window in windows else "start"
    figures, whole = describe(windows), windows["start"]
    return Group(
        *_draw_head(figures, whole, shown), Text(), _draw_targets(figures, shown, sort, rows), Text(),
        _draw_agents(figures, shown),
    )  # fmt: skip


def _draw_head(figures: Mapping[str, Any], whole: Count, window: str) -> list[Text]:
    itself, count = figures["tracing"][window], figures["processes"] or 0
    per_second, errors = itself["calls_per_second"], _share(itself["errors"], itself["calls"])
    up = time.strftime("%H:%M:%S", time.gmtime(whole.seconds % 86_400))
    days = f"{int(whole.seconds // 86_400)} d " if whole.seconds >= 86_400 else ""
    name = {"1m": "last minute", "5m": "last 5 minutes", "1h": "last hour", "start": "since the start"}[window]
    step = whole.value("tracing_proxies_sampling_step")
    first = f"{int(count)} process{'' if count == 1 else 'es'}, up {days}{up}, {name}"
    calls = f"calls {_rate(per_second)}/s, {errors} failed; tracing {STEPS[int(step)] if step is not None else 'off'}"
    cost = itself["caller_cost"]["p99"]
    cpu = itself["worker_cpu"]
    spent = f"cost  worker {_percent(cpu)} of a core" + (f", a call p99 {_duration(cost)}" if cost else "")
    lines = [Text(first, "bold"), Text(calls), Text(spent)]
    for sink, found in list(itself["sinks"].items())[:2]:
        waiting = whole.value("tracing_proxies_spans_waiting", {"sink": sink}) or 0
        healthy = whole.value("tracing_proxies_sink_healthy", {"sink": sink})
        lag = whole.value("tracing_proxies_delivery_lag_seconds", {"sink": sink}) or 0.0
        state = "" if healthy else "  NOT HEALTHY"
        lost = f", {found['dropped']:.0f} LOST" if found["dropped"] else ""
        text = (
            f"spans {plain(sink)}: {found['delivered']:.0f} sent{lost}, {waiting:.0f} waiting, lag {lag:.0f} s{state}"
        )
        lines.append(Text(text, "bold" if state or lost else ""))
    return lines


def _draw_targets(figures: Mapping[str, Any], window: str, sort: str, rows: int | None) -> Table:
    table = _table(("name", _NAME), ("calls/s", 8), ("failed", 7), ("p50", 7), ("p95", 7), ("p99", 7), ("now", 5))
    found = [(target, target["windows"][window]) for target in figures["targets"]]
    found.sort(key=lambda pair: (_SORTS[sort](pair[1]), pair[0]["target"]), reverse=True)
    for target, told in found if rows is None else found[:rows]:
        in_flight = target["in_flight"]
        table.add_row(
            _shortened(target), _rate(told["per_second"]), _share(told["errors"], told["calls"]),
            *(_duration(told[name]) for name in ("p50", "p95", "p99")), "" if in_flight is None else f"{in_flight:.0f}",
            style="bold" if told["errors"] else "",
        )  # fmt: skip
    if rows is not None and len(found) > rows:
        table.add_row(f"and {len(found) - rows} more")
    return table


def _draw_agents(figures: Mapping[str, Any], window: str) -> RenderableType:
    agents = [(agent, agent["windows"][window]) for agent in figures["agents"]]
    agents = sorted((pair for pair in agents if pair[1]["calls"]), key=lambda pair: -pair[1]["calls"])[:_MOST_AGENTS]
    if not agents:
        return Text()
    title = "agent (estimated)" if figures["estimated"] else "agent"
    table = _table((title, 22), ("calls", 8), ("failed", 7), ("p95", 7), ("tools, since the start", 31), left=4)
    for agent, told in agents:
        tools: dict[str, float] = {}
        for tool in figures["tools"]:
            if tool["agent"] == agent["agent"]:
                tools[tool["tool"]] = tools.get(tool["tool"], 0) + tool["count"]
        most = sorted(tools, key=lambda name: -tools[name])
        ratio = told["error_ratio"]
        table.add_row(
            plain(agent["agent"]), f"{told['calls']:.0f}", _percent(ratio), _duration(told["p95"]),
            plain(", ".join(most[:3])), style="bold" if ratio else "",
        )  # fmt: skip
    return table


def _table(*columns: tuple[str, int], left: int = 0) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="underline")
    for at, (title, width) in enumerate(columns):
        justify: Any = "left" if at in (0, left) else "right"
        table.add_column(title, width=width, no_wrap=True, overflow="ellipsis", justify=justify)
    return table


def _shortened(target: Mapping[str, Any]) -> str:
    """Return what a target is called: the end of it says most."""
    name = plain(target["name"])
    if "{" in name:  # what each call makes of it is not known here
        name = plain(target["target"]).partition(":")[2]
    return name if len(name) <= _NAME else "…" + name[1 - _NAME :]


def _rate(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _share(part: float, whole: float) -> str:
    return _percent(part / whole) if whole else "-"


def _percent(value: float | None) -> str:
    if value is None:
        return "-"
    return "0 %" if value == 0 else f"{value * 100:.2g} %" if value < 0.995 else f"{value * 100:.0f} %"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    for unit, name in _UNITS:
        if seconds >= unit:
            return f"{seconds / unit:.3g} {name}" if seconds < 1_000 else f"{seconds:.0f} s"
    return f"{seconds * 1e9:.0f} ns"
