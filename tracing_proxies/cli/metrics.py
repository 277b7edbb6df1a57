"""`tracing-proxies metrics`: response times, success rate and throughput as the Langfuse server has them."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Sequence
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
    lines = report.lines
    if not lines:
        click.echo(f"the server has no {report.by} in the last {since}")
        return
    columns: dict[str, list[Text | str]] = {
        "calls": _beside(
            [_count(line.now.calls) for line in lines],
            ["new" if line.before is None else _told(line.trend("calls"), _percent) for line in lines],
        ),
        "/h": [_rate(line.now.per_hour) for line in lines],
        "p50": [_time(line.now.p50) for line in lines],
        "p95": _beside([_time(line.now.p95) for line in lines], [_told(line.trend("p95"), _percent) for line in lines]),
        "success": _beside(
            [_share(line.now.success) for line in lines], [_told(line.change("success"), _points) for line in lines]
        ),
    }
    if report.by == "model":
        columns["tokens"] = [_count(line.now.tokens or 0) for line in lines]
        columns["cost"] = [f"${line.now.cost or 0:,.2f}" for line in lines]
    else:
        shares = [line.now.confidence for line in lines]
        columns["confidence"] = ["" if share is None else f"{share:.2f}" for share in shares]
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold", expand=False)
    table.add_column(report.by, overflow="fold", min_width=10)
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for number, line in enumerate(lines):
        table.add_row(plain(line.name), *(column[number] for column in columns.values()))
    console = Console(width=min(_WIDTH, Console().width), highlight=False)
    console.print(table)
    console.print(f"the last {since}; changes are against the {since} before", style="dim")
    console.print(
        "of kept traces; where sampling left some out, errors were kept first: success is too low", style="dim"
    )
    if not report.complete:
        console.print("there are more; these are the thousand that are called most", style="dim")


def _beside(figures: Sequence[str], changes: Sequence[str]) -> list[Text | str]:
    """Return figures with their changes beside them, as wide as the widest change."""
    width = max(map(len, changes))
    if not width:
        return list(figures)
    return [
        Text.assemble(figure, (f" {change:>{width}}", "dim")) for figure, change in zip(figures, changes, strict=True)
    ]


def _told(change: float | None, write: Callable[[float], str]) -> str:
    return "" if change is None or abs(change) < _STEADY else write(change)


def _rate(per_hour: float) -> str:
    return f"{per_hour:,.1f}" if per_hour < 1000 else _count(int(per_hour))


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
