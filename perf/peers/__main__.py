"""Compares what a call costs under other tracing tools, and writes perf/peers.md and perf/peers.json.

Each tool has a virtual environment of its own below build/peers, with its newest version, and each case a process of
its own. A tool that does not install, or does not record, is listed with the reason.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from perf.__main__ import describe
from perf.bursts import circumstances
from perf.peers.tools import TOOLS, Tool

HERE = Path(__file__).parent.parent
ROOT = HERE.parent
_LONGEST = 600.0


class Unavailable(Exception):
    """A tool cannot be measured here; says why."""


def prepare(tool: Tool, folder: Path) -> Path:
    """Make a tool's environment, unless it is there; returns its interpreter.

    Raises:
        Unavailable: it does not install.
    """
    if not tool.requirements:
        return Path(sys.executable)
    python = folder / tool.package / "bin" / "python"
    ready = folder / tool.package / ".ready"
    if not ready.exists():
        venv.create(folder / tool.package, clear=True)
        # By the pip of this environment: one that comes with Python may be old, and search for very long.
        pip = [
            sys.executable,
            "-m",
            "pip",
            "--python",
            str(python),
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]
        _run([*pip, *tool.requirements, "wrapt"])
        ready.touch()
    return python


def measure(tool: Tool, python: Path, rounds: int) -> dict[str, Any]:
    """Measure a tool in a process of its own; returns its row.

    Raises:
        Unavailable: it failed, or has not recorded what it should.
    """
    found = json.loads(_run([str(python), "-m", "perf.peers.once", tool.name, str(rounds)]).splitlines()[-1])
    overhead, proxy = found["traced"] - found["plain"], found["proxied"] - found["plain"]
    return {
        "tool": tool.name,
        "package": tool.package,
        "version": found["version"],
        "way": tool.way,
        "records": tool.records,
        "plain_ns": round(found["plain"], 1),
        "proxy_ns": round(found["proxied"], 1),
        "ns_per_call": round(found["traced"], 1),
        "overhead_ns": round(overhead, 1),
        "times_bare_proxy": round(overhead / proxy, 2),
    }


def _run(command: list[str]) -> str:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("TRACING_PROXIES")}
    try:
        done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=_LONGEST)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"it took longer than {_LONGEST:.0f} s") from None
    if done.returncode:
        lines = [line for line in done.stderr.strip().splitlines() if not line.startswith("WARNING")]
        said = lines or [f"it ended with {done.returncode}"]
        raise Unavailable(said[-1])
    return done.stdout


def lines_of(report: dict[str, Any]) -> Iterator[str]:
    """Return the report as Markdown."""
    yield "# What a call costs under other tools"
    yield ""
    yield describe(report["measured"])
    yield ""
    yield (
        "Each tool in a process of its own, into an exporter that throws away; medians over bursts of 100 calls, "
        "between which its threads are waited for. The ratio is to a bare wrapt proxy in the same process."
    )
    yield from ("", "| | version | traced by | records | ns per call | overhead ns | x bare proxy |", "|" + "---|" * 7)
    for row in report["tools"]:
        name = f"{row['package']}, {row['tool']}" if row["package"] == "tracing_proxies" else row["tool"]
        cells = (name, row["version"], row["way"], row["records"])
        yield f"| {' | '.join(cells)} | {row['ns_per_call']} | {row['overhead_ns']} | {row['times_bare_proxy']} |"
    for missing in report["missing"]:
        yield f"\nNot measured: {missing['tool']}: {missing['reason']}"


@click.command()
@click.argument("names", nargs=-1)
@click.option("--rounds", default=100, show_default=True, help="How many bursts of 100 calls make a case.")
@click.option("--folder", default=ROOT / "build" / "peers", type=Path, help="Where the environments are made.")
def main(names: tuple[str, ...], rounds: int, folder: Path) -> None:
    """Measure all tools, or those that are named (nothing is written then)."""
    console = Console()
    chosen = [tool for tool in TOOLS if not names or tool.name in names]
    tools: list[dict[str, Any]] = []
    missing: list[dict[str, str]] = []
    pythons: dict[str, Path] = {}
    with Progress(console=console) as progress:
        task = progress.add_task("installing", total=2 * len(chosen))
        for tool in chosen:
            progress.update(task, description=f"installing {tool.package}")
            try:
                pythons[tool.name] = prepare(tool, folder.absolute())
            except Unavailable as exc:
                missing.append({"tool": tool.name, "reason": str(exc)})
            progress.advance(task)
        measured = {**circumstances(), "rounds": rounds}
        for tool in chosen:
            progress.update(task, description=f"measuring {tool.name}")
            if tool.name in pythons:
                try:
                    tools.append(measure(tool, pythons[tool.name], rounds))
                except Unavailable as exc:
                    missing.append({"tool": tool.name, "reason": str(exc)})
            progress.advance(task)
    report = {"measured": measured, "tools": tools, "missing": missing}
    if not names:
        (HERE / "peers.json").write_text(json.dumps(report, indent=2) + "\n")
        (HERE / "peers.md").write_text("\n".join(lines_of(report)) + "\n")
    table = Table("tool", "version", "ns per call", "overhead ns", "x bare proxy", title="What a call costs")
    for row in tools:
        table.add_row(*(str(row[key]) for key in ("tool", "version", "ns_per_call", "overhead_ns", "times_bare_proxy")))
    console.print(table)
    for entry in missing:
        console.print(f"not measured: {entry['tool']}: {entry['reason']}", markup=False)
    console.print(describe(measured))


if __name__ == "__main__":
    main()
