"""Outages of a Langfuse server, met by this project and by Langfuse's own SDK side by side: what was lost.

Each kind of outage is run with two servers of the contract tests, one for each tracer, and two programs that make spans
at a steady rate before, during and after it. A third program does the same untraced: its longest call is what the
machine, which all of them share, makes anybody wait.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import attrs
import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from perf import long_outage
from tests.contract.server import ContractServer, start_server

HERE = Path(__file__).parent
RATE = 200
BEFORE = 3.0
AFTER = 12.0
TRACERS = ("ours", "langfuse")
SHORT, LONG = "Side by side", "At length"
MODES: dict[str, dict[str, Any] | None] = {
    "refused": None,  # nobody listens
    "hang": {"stall": 60},
    "reset": {"reset": True},
    "500": {"status": 500},
    "503": {"status": 503},
    "429": {"status": 429, "headers": {"Retry-After": "2"}},
}


@attrs.define
class Met:
    """How one tracer met one outage; seconds, milliseconds and MiB as the names say."""

    mode: str
    tracer: str
    made: int
    lost: int
    repeated: int
    first_after_s: float
    exit_s: float
    longest_call_ms: float
    untraced_call_ms: float
    gained_mib: float


class Away:
    """A server that can be away in any of the ways, and remembers what it had before."""

    def __init__(self, mode: str) -> None:
        self.server: ContractServer = start_server()
        self._fault = MODES[mode]
        self._ids: set[str] = set()
        self._repeated = 0

    def leave(self) -> None:
        """Begin the outage."""
        if self._fault is not None:
            self.server.rules(always=self._fault)
            return
        self._ids.update(self.server.ids())
        self._repeated += self.server.counts()["repeated"]
        self.server.stop()

    def come_back(self) -> None:
        """End the outage."""
        if self._fault is not None:
            self.server.rules()
        else:
            self.server.restart()

    def received(self) -> tuple[int, int]:
        """Return how many spans were received, and how many of them once more."""
        ids = set(self.server.ids())
        return len(ids | self._ids), self.server.counts()["repeated"] + self._repeated + len(ids & self._ids)


def meet(mode: str, seconds: float, folder: Path) -> list[Met]:
    """Run one outage."""
    servers = {tracer: Away(mode) for tracer in TRACERS}
    programs = {tracer: _start(tracer, servers[tracer].server, seconds, folder / mode) for tracer in TRACERS}
    untraced = _start("untraced", servers["ours"].server, seconds, folder / mode)
    try:
        time.sleep(BEFORE)
        for server in servers.values():
            server.leave()
        time.sleep(seconds)
        over = time.time()
        for server in servers.values():
            server.come_back()
        first = _first_arrivals(servers, over)
        usual = json.loads(untraced.communicate(timeout=120)[0])["longest_ms"]
        return [_conclude(mode, tracer, programs[tracer], servers[tracer], first[tracer], usual) for tracer in TRACERS]
    finally:
        for program in (untraced, *programs.values()):
            program.kill()
        for server in servers.values():
            server.server.stop()


def _start(tracer: str, server: ContractServer, seconds: float, folder: Path) -> subprocess.Popen[str]:
    return long_outage.produce(tracer, RATE, BEFORE + seconds + AFTER, folder / tracer, server)


def _first_arrivals(servers: dict[str, Away], over: float) -> dict[str, float]:
    found: dict[str, float] = {}
    while len(found) < len(servers) and time.time() - over < AFTER:
        for tracer, server in servers.items():
            last = server.server.counts()["last"]
            if tracer not in found and last > over:
                found[tracer] = last - over
        time.sleep(0.05)
    return {tracer: found.get(tracer, float("inf")) for tracer in servers}


def _conclude(
    mode: str, tracer: str, program: subprocess.Popen[str], server: Away, first: float, untraced_ms: float
) -> Met:
    output = program.communicate(timeout=120)[0]
    ended = time.time()
    report = json.loads(output.strip().splitlines()[-1])
    unique, repeated = server.received()
    return Met(
        mode,
        tracer,
        report["made"],
        report["made"] - unique,
        repeated,
        round(first, 2),
        round(ended - report["done"], 2),
        round(report["longest_ms"], 2),
        round(untraced_ms, 2),
        round(report["gained_mib"], 1),
    )


def tabulate(rows: list[Met], seconds: float) -> str:
    """Return the figures as Markdown."""
    lines = [
        f"A server that is away for {seconds:g} s in six ways, {RATE} spans/s; side by side on the same machine.",
        "",
        "| outage | tracer | spans | lost | repeated | first after it, s | exit, s | longest call, ms "
        "| untraced beside it, ms | memory, MiB |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {r.mode} | {r.tracer} | {r.made:,} | {r.lost:,} ({r.lost / r.made:.0%}) | {r.repeated:,} "
        f"| {r.first_after_s} | {r.exit_s} | {r.longest_call_ms} | {r.untraced_call_ms} | {r.gained_mib} |"
        for r in rows
    ]
    return "\n".join(lines) + "\n"


def write(heading: str, text: str) -> None:
    """Put figures below their heading in perf/outage.md, and leave those of the other heading as they are."""
    file = HERE / "outage.md"
    sections = dict.fromkeys((SHORT, LONG), "")
    found = re.split(r"^## (.+)\n\n", file.read_text() if file.exists() else "", flags=re.MULTILINE)
    sections.update(zip(found[1::2], found[2::2], strict=True))
    sections[heading] = text
    parts = [f"## {name}\n\n{body.rstrip()}\n" for name, body in sections.items() if body]
    file.write_text("\n".join(["# Outages\n", *parts]))


def record(heading: str, figures: list[dict[str, Any]], seconds: float) -> None:
    """Put figures below their heading in perf/outage.json, and leave those of the other heading as they are."""
    file = HERE / "outage.json"
    known = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps({**known, heading: {"seconds": seconds, "outages": figures}}, indent=2) + "\n")


def meet_all(modes: tuple[str, ...], seconds: float, console: Console) -> bool:
    """Run short outages; returns whether this project has lost nothing."""
    chosen = modes or tuple(MODES)
    rows: list[Met] = []
    with tempfile.TemporaryDirectory() as folder, Progress(console=console) as progress:
        task = progress.add_task("outages", total=len(chosen))
        for mode in chosen:
            progress.update(task, description=f"outage: {mode}")
            rows += meet(mode, seconds, Path(folder))
            progress.advance(task)
    table = Table("outage", "tracer", "spans", "lost", "twice", "first s", "exit s", "call ms", "untraced", "MiB")
    for row in rows:
        table.add_row(*(str(value) for value in attrs.astuple(row)))
    console.print(table)
    record(SHORT, [attrs.asdict(row) for row in rows], seconds)
    if not modes:
        write(SHORT, tabulate(rows, seconds))
    return not any(row.lost for row in rows if row.tracer == "ours")


def endure_all(seconds: float, console: Console) -> bool:
    """Run long outages; returns whether all is as it must be."""
    rows = long_outage.endure(seconds, console)
    text = long_outage.tabulate(rows, seconds)
    console.print(text, markup=False)
    write(LONG, text)
    record(LONG, [attrs.asdict(row) for row in rows], seconds)
    for row in rows:
        for fault in row.faults():
            console.print(f"{row.case.name}: {fault}", style="red")
    return not any(row.faults() for row in rows)


@click.command()
@click.option("--seconds", default=30.0, show_default=True, help="How long each outage lasts.")
@click.option("--mode", "modes", multiple=True, type=click.Choice(list(MODES)), help="Which ones; else all.")
@click.option("--minutes", type=float, help="One long outage instead, with a large spool and with a small one.")
def main(seconds: float, modes: tuple[str, ...], minutes: float | None) -> None:
    """Run the outages, print the table and write perf/outage.md and .json; exit with 1 if it is not as it must be."""
    console = Console()
    is_well = meet_all(modes, seconds, console) if minutes is None else endure_all(minutes * 60, console)
    if not is_well:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
