"""Ten minutes without a server: what a process keeps in memory and on disk, and what it loses if the disk is small."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import attrs
from rich.console import Console
from rich.progress import Progress

from tests.contract.server import PUBLIC_KEY, SECRET_KEY, ContractServer, start_server

ROOT = Path(__file__).resolve().parents[1]
RATE = 200
SIZE = 1_000
BEFORE = 3.0
AFTER = 30.0
MOST_MEMORY_MIB = 64
LONGEST_EXIT_S = 2.0
_TAKEN_OVER_WITHIN = 90.0


@attrs.frozen
class Case:
    """One program.

    Args:
        spool_size: as in a registry.
        comes_back: whether the server is back before the program ends; else the next process delivers.
        fault: how the server is away; None: nobody listens.
    """

    name: str
    spool_size: str
    limit: int
    comes_back: bool
    fault: dict[str, float] | None = None


CASES = (
    Case("refused, the usual spool", "512MiB", 512 * 2**20, comes_back=True),
    Case("refused, a spool of 8 MiB", "8MiB", 8 * 2**20, comes_back=True),
    Case("silent, and the program ends meanwhile", "512MiB", 512 * 2**20, comes_back=False, fault={"stall": 60}),
)


@attrs.frozen
class Endured:
    """How one program endured it; seconds, milliseconds and MiB as the names say."""

    case: Case
    made: int
    received: int
    dropped: int
    repeated: int
    gained_mib: float
    spool_mib: float
    longest_call_ms: float
    untraced_call_ms: float
    exit_s: float

    def faults(self) -> list[str]:
        """Say what of it is not as it must be."""
        found = {
            f"{self.made - self.received - self.dropped} spans are gone uncounted": self.received + self.dropped
            != self.made,
            f"{self.dropped} spans were dropped": self.dropped > 0 and self.case.spool_size == "512MiB",
            "nothing was dropped where the spool is too small": not self.dropped and self.case.spool_size != "512MiB",
            f"memory has grown by {self.gained_mib} MiB": self.gained_mib > MOST_MEMORY_MIB,
            f"the spool had {self.spool_mib} MiB": self.spool_mib * 2**20 > self.case.limit,
            f"the exit took {self.exit_s} s": self.exit_s > LONGEST_EXIT_S,
        }
        return [text for text, is_so in found.items() if is_so]


class Run:
    """One program and its server."""

    def __init__(self, case: Case, seconds: float, folder: Path) -> None:
        self.case = case
        self.server: ContractServer = start_server()
        self._folder = folder
        self._ids: set[str] = set()
        length = BEFORE + seconds + (AFTER if case.comes_back else 0.0)
        self.program = self._start(length)
        self._output, self._ended = "", 0.0
        self._watch = threading.Thread(target=self._see_the_end)
        self._watch.start()

    def leave(self) -> None:
        """Begin the outage."""
        if self.case.fault is None:
            self._ids.update(self.server.ids())
            self.server.stop()
        else:
            self.server.rules(always=self.case.fault)

    def come_back(self) -> None:
        """End the outage."""
        if self.case.fault is None:
            self.server.restart()
        else:
            self.server.rules()

    def conclude(self, untraced_ms: float) -> Endured:
        """See the program end, and have what it has left delivered by another.

        Args:
            untraced_ms: how long the longest call of the untraced program took.
        """
        self._watch.join(300)
        report = json.loads(self._output.strip().splitlines()[-1])
        if not self.case.comes_back:
            self.come_back()
        inherited = report["spooled"] > 0
        if inherited:
            heir = self._start(_TAKEN_OVER_WITHIN, rate=0.01)
            ends = time.monotonic() + _TAKEN_OVER_WITHIN
            expected = report["made"] - sum(report["dropped"].values()) + 1  # and the one that the heir makes itself
            while len(self._ids | set(self.server.ids())) < expected and time.monotonic() < ends:
                time.sleep(1.0)
            heir.kill()
            heir.wait()
        ids = set(self.server.ids())
        received = len(self._ids | ids) - inherited
        return Endured(
            self.case,
            report["made"],
            received,
            sum(report["dropped"].values()),
            self.server.counts()["repeated"] + len(self._ids & ids),
            round(report["gained_mib"], 1),
            round(report["spool_bytes"] / 2**20, 1),
            round(report["longest_ms"], 2),
            round(untraced_ms, 2),
            round(self._ended - report["done"], 2),
        )

    def stop(self) -> None:
        """End both."""
        self.program.kill()
        self.server.stop()

    def _see_the_end(self) -> None:
        self._output = self.program.communicate()[0]
        self._ended = time.time()

    def _start(self, seconds: float, rate: float = RATE) -> subprocess.Popen[str]:
        return produce("ours", rate, seconds, self._folder, self.server, SIZE, self.case.spool_size)


def produce(
    tracer: str, rate: float, seconds: float, folder: Path, server: ContractServer, *more: object
) -> subprocess.Popen[str]:
    """Start a program that makes spans.

    Args:
        tracer: as the program's first argument.
        rate: spans a second.
        folder: of its spool.
        server: where they go.
        more: the bytes of a span, and the size of the spool.
    """
    environ = {
        **os.environ,
        "LANGFUSE_BASE_URL": server.url,
        "LANGFUSE_HOST": server.url,
        "LANGFUSE_PUBLIC_KEY": PUBLIC_KEY,
        "LANGFUSE_SECRET_KEY": SECRET_KEY,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "perf.producer", tracer, *map(str, (rate, seconds, folder, *more))],
        cwd=ROOT,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def endure(seconds: float, console: Console) -> list[Endured]:
    """Run all cases side by side, an untraced program beside them, and show how far they are."""
    with tempfile.TemporaryDirectory() as folder, Progress(console=console) as progress:
        runs = [Run(case, seconds, Path(folder) / str(number)) for number, case in enumerate(CASES)]
        length = BEFORE + seconds + AFTER
        untraced = produce("untraced", RATE, length, Path(folder) / "untraced", runs[0].server, SIZE)
        task = progress.add_task("before the outage", total=length)
        try:
            _wait(progress, task, BEFORE)
            for run in runs:
                run.leave()
            progress.update(task, description="the servers are away")
            _wait(progress, task, seconds)
            progress.update(task, description="the servers are back")
            for run in runs:
                if run.case.comes_back:
                    run.come_back()
            _wait(progress, task, AFTER)
            usual = json.loads(untraced.communicate(timeout=300)[0])["longest_ms"]
            concluded = [run.conclude(usual) for run in runs if not run.case.comes_back]
            return [*(run.conclude(usual) for run in runs if run.case.comes_back), *concluded]
        finally:
            untraced.kill()
            for run in runs:
                run.stop()


def _wait(progress: Progress, task: object, seconds: float) -> None:
    ends = time.monotonic() + seconds
    while (left := ends - time.monotonic()) > 0:
        nap = min(1.0, left)
        time.sleep(nap)
        progress.advance(task, nap)  # type: ignore[arg-type]


def tabulate(rows: list[Endured], seconds: float) -> str:
    """Return the figures as Markdown, below a heading of their own."""
    lines = [
        f"A server that is away for {seconds:g} s; {RATE} spans/s with {SIZE:,} bytes in and {SIZE:,} out. Where the",
        "spool is too small the oldest are dropped, and counted; what a program leaves behind, the next one delivers.",
        "",
        "| outage | spans | received | dropped | repeated | memory, MiB | spool, MiB | longest call, ms "
        "| untraced beside it, ms | exit, s |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {r.case.name} | {r.made:,} | {r.received:,} | {r.dropped:,} | {r.repeated:,} | {r.gained_mib} "
        f"| {r.spool_mib} | {r.longest_call_ms} | {r.untraced_call_ms} | {r.exit_s} |"
        for r in rows
    ]
    load = (
        f"The machine had a load of {os.getloadavg()[2]:.0f} on {os.cpu_count()} cores meanwhile: see the longest call"
    )
    return "\n".join([*lines, "", f"{load} and the exit with that in mind."]) + "\n"
