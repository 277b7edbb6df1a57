"""The retail application under stress, held to a budget: what tracing costs, live, and what its callers notice.

First it runs as fast as it can, untraced, with everything traced, and within the budget; then calmly, the three in
turns, for its response times: as the example comes, with six triggers at a time and with one, and with a model that
takes its time. Progress is drawn while it runs; the figures go to perf/load.md and perf/load.json.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import click
from rich.console import Console
from rich.live import Live
from rich.progress import Progress
from rich.table import Table

from perf.turns import Course, share_of_work, take_turns

HERE = Path(__file__).parent
PROGRAMS = ("untraced", "everything", "within")
ANSWER = 0.1
"""Seconds that a language model takes to answer, on average, if it is a fast one."""
CALM = {
    "calm": "Six triggers at a time, which wait for each other, as the example comes: it computes for most of the time",
    "alone": "One trigger at a time, else as the example comes",
    "awaited": "One trigger at a time, as with a fast language model",
}
"""The ways in which response times are measured."""
_BARS = "▁▂▃▄▅▆▇█"


def run(budget: str, copies: int, seconds: float) -> Iterator[dict[str, Any]]:
    """Run the application in a process of its own, and yield each line that it tells."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "perf.market", budget, str(copies), str(seconds), folder]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                yield json.loads(line)
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")


def draw(title: str, told: Sequence[dict[str, Any]]) -> Table:
    """Draw how a run does."""
    table = Table(title=title, show_header=False, min_width=74)
    last = told[-1]
    table.add_row("running for", f"{last['seconds']:.0f} s, {last['triggers']} triggers, {last['cpu']:.1f} s of CPU")
    if "sampling" in last:
        sampling, delivery = last["sampling"], last["delivery"]
        spent = [line["sampling"].get("spent") or 0.0 for line in told[-60:]]
        most = max([*spent, 1e-9])
        curve = "".join(_BARS[min(7, int(7 * value / most))] for value in spent)
        table.add_row("tracing's share of a core", f"{spent[-1]:.2%}  {curve}")
        table.add_row("detail", f"{sampling['step']}, {sampling.get('stubs', 0)} stubs")
        table.add_row("calls", f"{last['calls']:,} counted, {last['errors']:,} of them errors")
        table.add_row("spans", f"{delivery['delivered']:,} delivered, {delivery['sampled_out']:,} left out")
    return table


def watch(console: Console, title: str, budget: str, copies: int, seconds: float) -> list[dict[str, Any]]:
    """Run the application, and draw how it does."""
    told: list[dict[str, Any]] = []
    with Live(console=console, refresh_per_second=2) as live:
        for line in run(budget, copies, seconds):
            told.append(line)
            live.update(draw(title, told))
    return told


def worst_window(told: Sequence[dict[str, Any]], until: float) -> float:
    """Return the largest share of a core that tracing took over any ten seconds.

    Args:
        until: when the run was over, in its own seconds; what is delivered afterwards is not counted.
    """
    return max(line["sampling"]["spent"] for line in told if line["seconds"] <= until + 1.0)


def stress(console: Console, budget: str, copies: int, seconds: float) -> dict[str, Any]:
    """Run the application as fast as it can, untraced, with everything traced, and within the budget."""
    found: dict[str, Any] = {"budget": budget, "copies": copies, "seconds": seconds}
    for name, given in (("untraced", "plain"), ("everything", "unlimited"), ("within", budget)):
        told = watch(console, f"under stress, {name}", given, copies, seconds)
        last = told[-1]
        found[name] = {
            "triggers": last["triggers"],
            "cpu_ms_per_trigger": 1e3 * last["cpu"] / last["triggers"],
            "median_ms": 1e3 * statistics.median(last["times"]),
        }
        if "sampling" in last:
            found[name].update(
                worst_ten_seconds=worst_window(told, seconds) if given != "unlimited" else None,
                calls=last["calls"],
                errors=last["errors"],
                stubs=last["sampling"].get("stubs", 0),
                delivered=last["delivery"]["delivered"],
                steps=sorted({line["sampling"]["step"] for line in told}),
                failures=last["failures"],
            )
    plain = found["untraced"]["cpu_ms_per_trigger"]
    for name in ("everything", "within"):
        found[name]["more_cpu"] = found[name]["cpu_ms_per_trigger"] / plain - 1.0
    return found


def calm(console: Console, budget: str, course: Course) -> dict[str, Any]:
    """Run it calmly in turns, untraced, with all traced, and within the budget, and return its response times."""
    # A budget is a share of all time, and here a program rests for most of it: while others work, and between turns.
    # What a program that always works may spend in each of its seconds is this much of all time.
    share = float(budget.rstrip("%")) * share_of_work(len(PROGRAMS), course)
    given = {"untraced": "plain", "everything": "unlimited", "within": f"{share:.4f}%"}
    title = f"calmly, in turns, answers after {1e3 * course.latency:.0f} ms"
    with Progress(console=console) as progress:
        task = progress.add_task(title, total=course.launches * course.rounds)
        *_, known = progress.track(take_turns(list(given.values()), course), task_id=task)
    found = {**attrs.asdict(course), "share": share / 100}
    return {**found, **{name: known.describe(given[name], "plain") for name in PROGRAMS}}


def write(stressed: dict[str, Any], calmly: dict[str, dict[str, Any]]) -> str:
    """Return the report on the runs under stress, and on those for response times, by their names in ``CALM``."""
    budget = stressed["budget"]
    lines = [
        "# The retail application, held to a budget",
        "",
        f"Under stress: {stressed['copies']} runs at a time, {stressed['seconds']:.0f} s each, into the local store.",
        "",
        "| | triggers | CPU ms a trigger | more CPU | median ms | calls counted | errors counted | stubs | spans |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name in PROGRAMS:
        row = stressed[name]
        shown = name if name != "within" else f"within {budget}"
        more = "" if name == "untraced" else f"{row['more_cpu']:+.1%}"
        counted = [f"{row[key]:,}" if key in row else "" for key in ("calls", "errors", "stubs", "delivered")]
        figures = [f"{row['cpu_ms_per_trigger']:.1f}", more, f"{row['median_ms']:.0f}", *counted]
        lines.append(f"| {shown} | {row['triggers']} | {' | '.join(figures)} |")
    row = stressed["within"]
    lines += [
        "",
        f"Within {budget} tracing took at most {row['worst_ten_seconds']:.2%} of a core over any ten seconds: its own "
        "threads' CPU as the system tells it, and what it takes on the application's threads as measured on one trace "
        f"in sixteen. Steps that were seen: {', '.join(row['steps'])}.",
        "",
        "## Response times, calmly",
        "",
        "The programs are launched several times, for some rounds, in each of which every one runs once while the "
        "others rest. How much slower one is, is the median over all rounds of what it is in each; in brackets the "
        "interval that holds that in 95 of 100 cases. A budget is a share of all time, also of that in which a "
        "program rests.",
    ]
    for name, what in CALM.items():
        lines += ["", *_tell_calm(what, calmly[name], budget)]
    return "\n".join(lines) + "\n"


def _tell_calm(what: str, found: dict[str, Any], budget: str) -> Iterator[str]:
    yield (
        f"{what}. Answers take {1e3 * found['latency']:.0f} ms on average. {found['launches']} "
        f"launches of {found['rounds']} rounds; {budget} of the time in which a program works is {found['share']:.2%} "
        "of all time."
    )
    yield ""
    yield from tabulate_calm(found, budget)


def tabulate_calm(calmed: dict[str, Any], budget: str) -> Iterator[str]:
    """Yield the lines of a table of response times, from what the calm runs have told."""
    yield "| | triggers | CPU ms a trigger | median ms | p95 ms | median, slower | p95, slower |"
    yield "|---|---|---|---|---|---|---|"
    for name in PROGRAMS:
        found = calmed[name]
        shown = {"untraced": name, "everything": "everything traced", "within": f"within {budget}"}[name]
        slower = ["", ""] if name == "untraced" else [_show(found["slower"][key]) for key in ("median", "p95")]
        figures = [f"{found[key]:.1f}" for key in ("cpu", "median", "p95")]
        yield f"| {shown} | {found['triggers']} | {' | '.join([*figures, *slower])} |"


def _show(found: dict[str, float]) -> str:
    return f"{found['share']:+.1%} ({found['from']:+.1%} to {found['to']:+.1%})"


@click.command()
@click.option("--budget", default="1%", show_default=True)
@click.option("--copies", default=8, show_default=True, help="How many stress runs at a time.")
@click.option("--seconds", default=60.0, show_default=True, help="How long each stress run lasts.")
@click.option("--launches", default=4, show_default=True, help="How often the calm programs are started.")
@click.option("--rounds", default=24, show_default=True, help="How often they take turns in each launch.")
@click.option("--slow-launches", default=2, show_default=True, help="The same, with a model that takes its time.")
@click.option("--slow-rounds", default=3, show_default=True, help="The same, with a model that takes its time.")
def main(
    budget: str, copies: int, seconds: float, launches: int, rounds: int, slow_launches: int, slow_rounds: int
) -> None:
    """Hold the retail application to a budget, and write perf/load.md."""
    console = Console()
    stressed = stress(console, budget, copies, seconds)
    courses = {
        "calm": Course(launches, rounds),
        "alone": Course(launches, rounds, at_once=1),
        "awaited": Course(slow_launches, slow_rounds, warm_up=1, latency=ANSWER, at_once=1),
    }
    calmly = {name: calm(console, budget, course) for name, course in courses.items()}
    text = write(stressed, calmly)
    (HERE / "load.md").write_text(text)
    (HERE / "load.json").write_text(json.dumps({"stress": stressed, **calmly}, indent=2) + "\n")
    console.print(text)


if __name__ == "__main__":
    main()
