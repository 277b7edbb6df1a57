"""Runs stages one after another in a clone, keeps what each prints in a log of its own, and shows how far they are."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from perf.validation.stages import Stage

_LOOKED_EVERY = 0.5
_PATIENCE = 120.0  # seconds
_AT_REST = 0.3  # of a core, for each core
_MARKS = {"waiting": ("·", "dim"), "running": ("▸", "cyan"), "passed": ("✓", "green"), "failed": ("✗", "red")}


@attrs.define
class Ran:
    """What became of one stage; seconds since it began, and its exit status."""

    name: str
    what: str
    state: str = "waiting"
    seconds: float = 0.0
    status: int | None = None


@attrs.frozen
class Place:
    """Where the stages run.

    Args:
        root: the clone.
        python: the interpreter of its environment.
        out: the folder of logs and outputs.
    """

    root: Path
    python: Path
    out: Path

    def log_of(self, name: str) -> Path:
        """Return the file that a stage prints to."""
        return self.out / f"{name}.log"

    def fill(self, command: str) -> str:
        """Put the paths into a stage's command."""
        paths = {"python": self.python, "bin": self.python.parent, "out": self.out}
        for name, path in paths.items():
            command = command.replace(f"{{{name}}}", str(path))
        return command


def clone(repository: Path, folder: Path) -> str:
    """Clone what is committed in a repository, and return the commit, with a remark if files are not committed."""
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(repository), str(folder)], check=True)
    changed = len(_ask(repository, "status", "--porcelain").splitlines())
    commit = _ask(repository, "rev-parse", "--short=12", "HEAD")
    return f"{commit} (files with changes, which are not in it: {changed})" if changed else commit


def _ask(repository: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(repository), *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def install(place: Place) -> Stage:
    """Return the stage that makes the clone's environment, which is to be the one of ``place``."""
    environment = place.python.parent.parent
    command = f"make {environment}/.ready browser prometheus PYTHON={sys.executable} VENV={environment}"
    return Stage("install", "a virtual environment for the clone", command, command)


def run_all(stages: Sequence[Stage], place: Place, quick: bool, console: Console) -> list[Ran]:
    """Run stages, those after one that fails as well, and show them meanwhile.

    Where the environment cannot be made, nothing after it is run.
    """
    ran = [Ran(stage.name, stage.what) for stage in stages]
    beside: list[threading.Thread] = []
    with Live(draw(ran, place), console=console, refresh_per_second=4, transient=False) as live:

        def show() -> None:
            live.update(draw(ran, place))

        def take(stage: Stage, each: Ran) -> None:
            run(stage, each, place, quick, show)
            if not console.is_terminal:  # where nothing can be drawn over, what has ended is told at once
                console.print(f"{each.name}: {each.state} after {each.seconds:.0f} s")

        for stage, each in zip(stages, ran, strict=True):
            if stage.beside:
                beside.append(threading.Thread(target=take, args=(stage, each)))
                beside[-1].start()
                continue
            take(stage, each)
            if stage.name == "install" and each.status:
                break
            if stage.name == "install" and not quick:
                wait_for_rest()
        for thread in beside:
            thread.join()
    return ran


def wait_for_rest() -> None:
    """Wait, for two minutes at most, until the load of the last one is that of a machine at rest.

    Most of it is the installation's, and what is measured next would be marked as measured on a busy machine.
    """
    deadline = time.monotonic() + _PATIENCE
    while os.getloadavg()[0] > _AT_REST * (os.cpu_count() or 1) and time.monotonic() < deadline:
        time.sleep(_LOOKED_EVERY)


def run(stage: Stage, ran: Ran, place: Place, quick: bool, show: Callable[[], None]) -> None:
    """Run one stage to its end, and keep its log and its outputs."""
    command = place.fill((stage.quick or stage.command) if quick else stage.command)
    environ = {**os.environ, "PYTHONUNBUFFERED": "1"}
    ran.state, begun, since = "running", time.monotonic(), time.time()
    with open(place.log_of(stage.name), "w") as log:
        log.write(f"$ {command}\n")
        log.flush()
        with subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", command], cwd=place.root, env=environ, stdout=log, stderr=log
        ) as process:
            while process.poll() is None:
                ran.seconds = time.monotonic() - begun
                show()
                time.sleep(_LOOKED_EVERY)
    ran.seconds, ran.status = time.monotonic() - begun, process.returncode
    ran.state = "failed" if process.returncode else "passed"
    for name in stage.kept:
        file = place.root / name
        if file.exists() and file.stat().st_mtime >= since - 1.0:  # one of the commit says nothing of this run
            (place.out / Path(name).parent).mkdir(parents=True, exist_ok=True)
            shutil.copy(file, place.out / name)
    show()


def draw(ran: Sequence[Ran], place: Place) -> RenderableType:
    """Draw the stages, and the last line that the latest of those running has printed."""
    table = Table("", "stage", "", "elapsed", "", box=None, padding=(0, 1))
    for each in ran:
        mark, style = _MARKS[each.state]
        elapsed = "" if each.state == "waiting" else f"{int(each.seconds) // 60}:{int(each.seconds) % 60:02}"
        table.add_row(Text(mark, style), each.name, Text(each.state, style), elapsed, Text(each.what, "dim"))
    running = next((each for each in reversed(ran) if each.state == "running"), None)
    return Group(table, Text(last_line(place.log_of(running.name)) if running else "", "dim", no_wrap=True))


def last_line(log: Path) -> str:
    """Return the last line of a log that is not empty, or nothing."""
    try:
        text = log.read_bytes()[-2_000:].decode(errors="replace").replace("\r", "\n")
    except OSError:
        return ""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")[:150]
