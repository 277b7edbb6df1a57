"""Runs the benchmarks with pytest-benchmark and writes their ratios to report.md and report.json."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from perf.bursts import BURST, ROUNDS_VARIABLE, circumstances

HERE = Path(__file__).parent


def measure(rounds: int) -> list[dict[str, Any]]:
    """Run every benchmark once, and return what pytest-benchmark tells of each."""
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw.json"
        command = [sys.executable, "-m", "pytest", str(HERE), "--benchmark-enable", f"--benchmark-json={raw}"]
        more = ["--benchmark-disable-gc", "-o", "addopts="]
        environ = {**os.environ, ROUNDS_VARIABLE: str(rounds)}
        subprocess.run([*command, *more], cwd=HERE.parent, env=environ, check=True)
        report: dict[str, Any] = json.loads(raw.read_text())
    found: list[dict[str, Any]] = report["benchmarks"]
    return found


def tabulate(benchmarks: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Express each case as overhead over its plain call, and as a multiple of the bare proxy's overhead.

    Returns:
        The rows of each table. An option has besides by how much it costs more than what it is an option of.
    """
    cases = {case["extra_info"]["case"]: case for case in benchmarks}
    # Where two cores are halves of one, a burst takes twice as long when the worker happens to run beside it. That is
    # the worker's CPU, which stands for itself; and whether it happens to more or to less than half of them is chance.
    calls = {name: case["stats"]["q1"] * 1e9 / BURST for name, case in cases.items()}
    proxy = calls["bare_wrapt_proxy"] - calls["plain_call"]
    captured = calls["woven_captured"] - calls["plain_call"]
    tables: dict[str, list[dict[str, Any]]] = {"calls": [], "options": []}
    for name, case in cases.items():
        facts = case["extra_info"]
        if case["group"] not in tables:
            continue
        overhead = calls[name] - calls[facts.get("plain", "plain_call")]
        row = {
            "case": name,
            "title": facts["title"],
            "ns_per_call": round(calls[name], 1),
            "overhead_ns": round(overhead, 1),
            "times_bare_proxy": round(overhead / proxy, 2),
            "worker_ns": round(facts["worker_ns"]),
        }
        if case["group"] == "options":
            row["more_ns"] = round(overhead - captured, 1)
        tables[case["group"]].append(row)
    return tables


def describe(found: dict[str, Any]) -> str:
    """Say where a report's figures come from."""
    busy = found["load"] > found["cores"] / 2
    warning = " **The machine was busy with other work: these figures are provisional.**" if busy else ""
    return (
        f"Measured on {found['date']} with Python {found['python']} and wrapt {found['wrapt']} on {found['cores']} "
        f"cores, with a load of {found['load']} before it began.{warning}"
    )


def lines_of(report: dict[str, Any]) -> Iterator[str]:
    """Return the report as Markdown."""
    yield "# What a call costs"
    yield ""
    yield describe(report["measured"])
    yield ""
    yield (
        "Lower quartiles over bursts of 100 calls. Overhead is what the caller waits for longer than for the plain "
        "call; x bare proxy is that overhead as a multiple of a bare wrapt proxy's; the worker's CPU is masking and "
        "encoding, in a thread of its own."
    )
    for table, heading in (("calls", "By level of detail"), ("options", "What a rule can ask for, each by itself")):
        options = table == "options"
        yield from ("", f"## {heading}", "")
        more = (" more than captured, ns |", "---|") if options else ("", "")
        yield f"| case | | ns per call | overhead ns | x bare proxy | worker's CPU, ns |{more[0]}"
        yield f"|---|---|---|---|---|---|{more[1]}"
        for row in report[table]:
            yield f"| {' | '.join(str(value) for value in row.values())} |"


@click.command()
@click.option("--rounds", default=300, show_default=True, help="How many bursts of 100 calls make a case.")
@click.option("--write/--no-write", default=True, show_default=True, help="Whether to write perf/report.*.")
def main(rounds: int, write: bool) -> None:
    """Measure what a call costs, print it, and write perf/report.md and perf/report.json."""
    console = Console()
    report = {"measured": {**circumstances(), "rounds": rounds}, **tabulate(measure(rounds))}
    if write:
        (HERE / "report.json").write_text(json.dumps(report, indent=2) + "\n")
        (HERE / "report.md").write_text("\n".join(lines_of(report)) + "\n")
    for heading, rows in (("What a call costs", report["calls"]), ("What a rule can ask for", report["options"])):
        table = Table("case", "ns per call", "overhead ns", "x bare proxy", "worker's ns", title=heading)
        for row in rows:
            table.add_row(*(str(value) for name, value in row.items() if name not in ("title", "more_ns")))
        console.print(table)
    console.print(describe(report["measured"]))


if __name__ == "__main__":
    main()
