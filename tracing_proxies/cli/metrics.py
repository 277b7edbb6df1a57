"""`tracing-proxies metrics`: response times, success rate and throughput as the Langfuse server has them."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import attrs
import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tracing_proxies.cli.servers import open_server, read_period
from tracing_proxies.langfuse.metrics import AXES, Report, read_report
from tracing_proxies.viewer.tree import plain

_WIDTH: Final = 80
_STEADY: Final = 0.005
_FIGURES: Final = ("calls", "failed", "per_hour", "mean", "p50", "p95", "success", "confidence", "tokens", "cost")


@click.command()
@click.option("--registry", type=click.Path(path_type=Path), help="The registry; else the next one upwards.")
@click.option("--since", metavar="AGE", default="7d", show_default=True, help="How far back, as in 2h or 7d.")
@click.option("--by", type=click.Choice(list(AXES)), default="agent", show_default=True, help="What each line is of.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values.")
def metrics(registry: Path | None, since: str, by: str, as_json: bool, as_csv: bool) -> None:
    """Show response times, success rate and throughput, and how they changed against the period before.

    The figures are the server's, over all processes and hosts; times are from a call's beginning to its end. Success is
    what agents were scored by; where there are no such scores, it is the share of calls that did not fail.
    """
    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other")
    period = read_period(since)
    report = read_report(open_server(registry), by, period)
    if as_json:
        click.echo(json.dumps(describe(report), indent=2, ensure_ascii=False))
    elif as_csv:
        _write_csv(report)
    else:
        _draw(report, since)


def describe(report: Report) -> dict[str, Any]:
    """Describe a report in plain values; times in milliseconds, shares from 0 to 1."""
    return {
        "by": report.by,
        "from": report.period.begin.isoformat(),
        "to": report.period.end.isoformat(),
        "complete": report.complete,
        "lines": [
            {
                "name": line.name,
                **attrs.asdict(line.now),
                "before": None if line.before is None else attrs.asdict(line.before),
                "trend": {
                    **{name: line.trend(name) for name in ("calls", "mean", "p50", "p95")},
                    "success": line.change("success"),
                },
            }
            for line in report.lines
        ],
    }


def _write_csv(report: Report) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([report.by, *_FIGURES, *(f"{name}_before" for name in _FIGURES)])
    for line in report.lines:
        now, before = attrs.asdict(line.now), {} if line.before is None else attrs.asdict(line.before)
        writer.writerow([line.name, *(now[name] for name in _FIGURES), *(before.get(name) for name in _FIGURES)])


def _draw(report: Report, since: str) -> None:
    if not report.lines:
        click.echo(f"the server has no {report.by} in the last {since}")
        return
    spends = report.by == "model"
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold", expand=False)
    table.add_column(report.by, overflow="fold", min_width=10)
    for name in ("calls", "/h", "p50", "p95", "success", "tokens" if spends else "confidence", *(["cost"] * spends)):
        table.add_column(name, justify="right", no_wrap=True)
    for line in report.lines:
        last = (
            [_count(line.now.tokens or 0), f"${line.now.cost or 0:,.2f}"]
            if spends
            else ["" if line.now.confidence is None else f"{line.now.confidence:.2f}"]
        )
        table.add_row(
            plain(line.name),
            _with(_count(line.now.calls), line.trend("calls"), _percent, new=line.before is None),
            f"{line.now.per_hour:,.1f}" if line.now.per_hour < 1000 else _count(int(line.now.per_hour)),
            _time(line.now.p50),
            _with(_time(line.now.p95), line.trend("p95"), _percent),
            _with(_share(line.now.success), line.change("success"), _points),
            *last,
        )
    console = Console(width=min(_WIDTH, Console().width), highlight=False)
    console.print(table)
    console.print(f"the last {since}; changes are against the {since} before", style="dim")
    if not report.complete:
        console.print("there are more; these are the thousand that are called most", style="dim")


def _with(figure: str, change: float | None, write: Callable[[float], str], *, new: bool = False) -> Text:
    """Return a figure with its change beside it."""
    told = "new" if new else "" if change is None or abs(change) < _STEADY else write(change)
    return Text.assemble(figure, (f" {told:>5}", "dim"))


def _percent(change: float) -> str:
    return f"{change:+.0%}" if abs(change) < 10 else f"x{change + 1:.0f}"


def _points(change: float) -> str:
    return f"{100 * change:+.0f}"


def _count(number: int) -> str:
    if number < 100_000:
        return f"{number:,}"
    return f"{number / 1e6:,.1f}M" if number >= 1_000_000 else f"{number / 1e3:,.0f}k"


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


def _time(milliseconds: float | None) -> str:
    if milliseconds is None:
        return ""
    if milliseconds < 1000:
        return f"{milliseconds:.0f}ms"
    seconds = milliseconds / 1000
    return f"{seconds:.1f}s" if seconds < 100 else f"{seconds / 60:.1f}min"
