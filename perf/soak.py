"""The retail application traced for an hour while everything around it changes: does what it holds stay where it is?

In each cycle its server answers 503, is gone, and hangs; its registry gains and loses a destination and rules, and has
mistakes; the application forks all along, and some of its children are killed. The same application runs beside it
untraced. What each holds is sampled, and the slope over the cycles after a warm-up has to keep to a bound.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import click
import psutil
from rich.console import Console
from rich.progress import Progress

from perf.bursts import circumstances
from perf.soak_report import judge, write
from tests.contract.server import PUBLIC_KEY, SECRET_KEY, ContractServer, start_server

HERE = Path(__file__).parent
ROOT = HERE.parent
_KEPT = 6  # one sample in so many is kept with the figures: enough for the picture
# Else glibc gives each new thread one of sixteen heaps, each of which keeps room for the most that was ever needed in
# it: for hours that grows with the threads that come and go, and says nothing of what is held.
_ONE_HEAP = {"MALLOC_ARENA_MAX": "1"}
_MORE_RULES = "version: 1\ntrace:\n  - { match: 'retail.arithmetic.**:*', capture: none, min_duration: 1ms }\n"


class Surroundings:
    """The server and the registry of the traced application, and what befalls them."""

    def __init__(self, folder: Path) -> None:
        self.server: ContractServer = start_server()
        self.phase = "calm"
        self.outages = self.reloads = 0
        self._received: set[str] = set()
        self._folder = folder
        self._text = (ROOT / "registry.yaml").read_text("utf-8")
        (folder / "rules.d").mkdir()
        self._write()

    def refuse(self) -> None:
        """Answer 503, and keep what has come so far, so that the server need not."""
        self.outages += 1
        self.phase = "503"
        self.server.rules(always={"status": 503})
        time.sleep(1.0)
        self._received.update(self.server.ids())
        self.server.reset()
        self.server.rules(always={"status": 503})

    def vanish(self) -> None:
        """Be gone, with all that was received."""
        self.refuse()
        self.phase = "gone"
        self.server.stop()

    def hang(self) -> None:
        """Take requests and answer none."""
        self.outages += 1
        self.phase = "hangs"
        self.server.rules(always={"stall": 60})

    def recover(self) -> None:
        """Answer again."""
        if self.phase == "gone":
            self.server.restart()
        self.server.rules()
        self.phase = "calm"

    def add_store(self) -> None:
        """Have the registry name a second destination."""
        self._write(", local: { path: traces.db, max_size: 16MiB }")

    def add_rules(self) -> None:
        """Have it take the second destination back, and weave some fifty targets more."""
        (self._folder / "rules.d" / "more.yaml").write_text(_MORE_RULES, "utf-8")
        self._write()

    def break_registry(self) -> None:
        """Have it hold mistakes: the last good one stays."""
        self._write(", nowhere: {}")

    def mend_registry(self) -> None:
        """Have it be as it was at the start."""
        (self._folder / "rules.d" / "more.yaml").unlink(missing_ok=True)
        self._write()

    def received(self) -> int:
        """Return how many different spans have come."""
        return len(self._received.union(self.server.ids()))

    def _write(self, more: str = "") -> None:
        head = (
            f"version: 1\ninclude: [rules.d/*.yaml]\nreload: {{ watch: 1s }}\nspool: {{ path: spool }}\n"
            f"export: {{ langfuse: {{}}{more} }}\n"
        )
        text = self._text.replace("version: 1\n", head).replace("threads, retail]", "threads, processes, retail]")
        new = self._folder / "registry.new"
        new.write_text(text, "utf-8")
        os.replace(new, self._folder / "registry.yaml")
        self.reloads += 1

    def events(self) -> tuple[tuple[float, Callable[[], None]], ...]:
        """Return what happens at which share of a cycle."""
        return (
            (0.15, self.add_store),
            (0.25, self.refuse),
            (0.35, self.recover),
            (0.45, self.add_rules),
            (0.55, self.vanish),
            (0.70, self.recover),
            (0.75, self.break_registry),
            (0.80, self.hang),
            (0.88, self.recover),
            (0.94, self.mend_registry),
        )


class Program:
    """The application in a process of its own, traced or not, and the last that it told."""

    def __init__(self, kind: str, folder: Path, url: str) -> None:
        self.kind = kind
        self.told: dict[str, Any] = {}
        environ = {**os.environ, **_ONE_HEAP, "LANGFUSE_PUBLIC_KEY": PUBLIC_KEY, "LANGFUSE_SECRET_KEY": SECRET_KEY}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "perf.soaked", kind, str(folder)],
            cwd=ROOT,
            env={**environ, "LANGFUSE_BASE_URL": url, "LANGFUSE_HOST": url},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._seen = psutil.Process(self._process.pid)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def sample(self) -> dict[str, Any]:
        """Return what it holds: MiB, file descriptors, threads.

        Raises:
            RuntimeError: it has ended.
        """
        if self._process.poll() is not None:
            raise RuntimeError(f"the {self.kind} application ended with {self._process.returncode}")
        with self._seen.oneshot():
            return {
                "rss_mib": self._seen.memory_info().rss / 2**20,
                "fds": self._seen.num_fds(),
                "threads": self._seen.num_threads(),
            }

    def conclude(self) -> dict[str, Any]:
        """Have it end, and return the last that it told."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(180)
        self._listener.join()
        return self.told

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.told = json.loads(line)


def _size(folder: Path) -> int:
    found = 0
    for path in folder.rglob("*"):
        try:
            found += path.stat().st_size
        except OSError:  # delivered meanwhile
            continue
    return found


@attrs.frozen
class Soak:
    """One soak; all times in seconds."""

    seconds: float
    cycle: float
    every: float
    folder: Path

    def run(self, console: Console) -> dict[str, Any]:
        """Run it, and return its samples and what became of the spans."""
        around = Surroundings(self.folder)
        programs = [Program(kind, self.folder, around.server.url) for kind in ("traced", "untraced")]
        try:
            with Progress(console=console) as progress:
                task = progress.add_task("soak", total=self.seconds)
                samples = []
                for sample in self._watch(around, programs):
                    samples.append(sample)
                    rss = ", ".join(f"{kind} {sample[kind]['rss_mib']:.0f} MiB" for kind in ("traced", "untraced"))
                    progress.update(task, completed=sample["seconds"], description=f"{around.phase}: {rss}")
            around.recover()
            told = {program.kind: program.conclude() for program in programs}
            told["server"] = {"received": around.received()}
        finally:
            for program in programs:
                program.stop()
            around.server.stop()
        counts = {"outages": around.outages, "reloads": around.reloads}
        return {"samples": samples, "told": told, "counts": counts, "left_bytes": _size(self.folder / "spool")}

    def _watch(self, around: Surroundings, programs: list[Program]) -> Iterator[dict[str, Any]]:
        begun = time.monotonic()
        events = [
            (number * self.cycle + share * self.cycle, befall)
            for number in range(int(self.seconds // self.cycle))
            for share, befall in around.events()
        ]
        while (now := time.monotonic() - begun) < self.seconds:
            while events and events[0][0] <= now:
                events.pop(0)[1]()
            sample = {program.kind: program.sample() for program in programs}
            told = {"phase": around.phase, "spool_bytes": _size(self.folder / "spool")}
            yield {"seconds": round(now, 1), **told, **sample, "queue": programs[0].told.get("queue", 0)}
            time.sleep(max(0.05, self.every - (time.monotonic() - begun - now)))


@click.command()
@click.option("--minutes", default=60.0, show_default=True, help="How long it runs.")
@click.option("--cycle", default=120.0, show_default=True, help="Seconds in which everything happens once.")
@click.option("--every", default=5.0, show_default=True, help="Seconds between two samples.")
@click.option("--warm-up", default=0.4, show_default=True, help="The share of the time that does not count.")
@click.option("--into", type=click.Path(path_type=Path), default=HERE, show_default=True, help="The reports' folder.")
def main(minutes: float, cycle: float, every: float, warm_up: float, into: Path) -> None:
    """Run the soak, judge it, and write soak.md, soak.json and soak.svg; exit with 1 if anything grows."""
    console, measured = Console(), circumstances()
    with tempfile.TemporaryDirectory() as folder:
        found = Soak(minutes * 60, cycle, every, Path(folder)).run(console)
    asked = {"minutes": minutes, "cycle": cycle, "every": every, "warm_up": warm_up}
    report = {"measured": measured, "asked": asked, **found}
    report["judged"] = judge(report)
    report["samples"] = report["samples"][::_KEPT]
    (into / "soak.json").write_text(json.dumps(report) + "\n")
    console.print(write(report, into), markup=False)
    if not all(row["met"] for row in report["judged"]):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
