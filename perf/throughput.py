"""What a delivered span costs, by size and destination, beside Langfuse's own decorator in the same run."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import attrs
import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from tests.contract.server import PUBLIC_KEY, SECRET_KEY, ContractServer, start_server

HERE = Path(__file__).parent
SIZES = (100, 1_000, 10_000)
TRACERS = ("discard", "local", "langfuse", "observe")
REPEATS = 3


@attrs.define
class Cost:
    """Medians: microseconds of CPU a span of the whole process, above the plain call, and spans delivered a second."""

    tracer: str
    size: int
    cpu_us: float
    per_second: int
    lost: int


def measure(tracer: str, size: int, spans: int, server: ContractServer, plain: float) -> Cost:
    """Run one case a few times, each in a process of its own."""
    reports = []
    lost = 0
    for _ in range(REPEATS):
        server.reset()
        report = run(tracer, size, spans, server)
        reports.append(report)
        if tracer in ("langfuse", "observe"):
            lost = max(lost, spans + 1_000 - server.counts()["unique"])
        else:
            lost = max(lost, report["dropped"])
    cpu = statistics.median(report["cpu_us"] for report in reports)
    return Cost(tracer, size, round(cpu - plain, 1), round(statistics.median(r["per_second"] for r in reports)), lost)


def run(tracer: str, size: int, spans: int, server: ContractServer) -> dict[str, Any]:
    """Run the load once; returns its report."""
    environ = {
        **os.environ,
        "LANGFUSE_BASE_URL": server.url,
        "LANGFUSE_HOST": server.url,
        "LANGFUSE_PUBLIC_KEY": PUBLIC_KEY,
        "LANGFUSE_SECRET_KEY": SECRET_KEY,
    }
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "perf.load", tracer, str(size), str(spans), folder]
        done = subprocess.run(command, cwd=HERE.parent, env=environ, capture_output=True, text=True, check=True)
    report: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return report


def tabulate(costs: list[Cost]) -> str:
    """Return the figures as Markdown."""
    lines = [
        "# What a delivered span costs",
        "",
        "CPU of the whole process above the plain call: capture, masking, encoding, compression, delivery. Medians of",
        f"{REPEATS} runs, as fast as the program can; sizes are those of input and output each.",
        "",
        "| tracer | bytes in and out | CPU us a span | spans/s delivered | lost |",
        "|---|---|---|---|---|",
    ]
    lines += [f"| {c.tracer} | {c.size:,} | {c.cpu_us} | {c.per_second:,} | {c.lost:,} |" for c in costs]
    return "\n".join(lines) + "\n"


@click.command()
@click.option("--spans", default=40_000, show_default=True, help="How many spans make a run; a tenth for the largest.")
@click.option("--tracer", "tracers", multiple=True, type=click.Choice(TRACERS), help="Which ones; else all.")
@click.option("--size", "sizes", multiple=True, type=int, help="Which sizes in bytes; else 100, 1,000 and 10,000.")
def main(spans: int, tracers: tuple[str, ...], sizes: tuple[int, ...]) -> None:
    """Measure, print the table and write perf/throughput.json; of all tracers and sizes also perf/throughput.md."""
    costs: list[Cost] = []
    server = start_server()
    console = Console()
    try:
        with Progress(console=console) as progress:
            cases = [(tracer, size) for size in sizes or SIZES for tracer in tracers or TRACERS]
            task = progress.add_task("throughput", total=len(cases))
            plain = run("plain", 100, spans, server)["cpu_us"]
            for tracer, size in cases:
                progress.update(task, description=f"{tracer}, {size:,} bytes")
                count = spans // (10 if size > 5_000 or tracer == "observe" else 1)
                costs.append(measure(tracer, size, count, server, plain))
                progress.advance(task)
    finally:
        server.stop()
    table = Table("tracer", "bytes", "CPU us/span", "spans/s", "lost", title="What a delivered span costs")
    for cost in costs:
        table.add_row(cost.tracer, f"{cost.size:,}", str(cost.cpu_us), f"{cost.per_second:,}", f"{cost.lost:,}")
    console.print(table)
    (HERE / "throughput.json").write_text(json.dumps([attrs.asdict(cost) for cost in costs], indent=2) + "\n")
    if not tracers and not sizes:
        (HERE / "throughput.md").write_text(tabulate(costs))


if __name__ == "__main__":
    main()
