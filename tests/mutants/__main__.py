"""Mutate the rooms where a silent failure would hurt, and write what their tests notice."""

from __future__ import annotations

import os
import random
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from typing import Any

import attrs
import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tests.mutants import report
from tests.mutants.operators import Mutation, list_mutations, mutate
from tests.mutants.rooms import ROOMS, ROOT, Room
from tests.mutants.running import SURVIVED, Copy


@click.command()
@click.argument("rooms", nargs=-1, type=click.Choice([*ROOMS]))
@click.option("--most", type=int, default=12, show_default=True, help="Mutants per module; 0 for all.")
@click.option("--seed", default=7, show_default=True, help="Draws them.")
@click.option("--workers", default=os.cpu_count() or 1, show_default=True, help="Mutants at a time.")
@click.option("--again", is_flag=True, help="Try only those that have survived, after tests were added.")
def measure(rooms: tuple[str, ...], most: int, seed: int, workers: int, again: bool) -> None:
    """Try the mutants of ROOMS, of all if none is named, and write docs/mutants.md anew."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copies: Queue[Copy] = Queue()
        for number in range(workers):
            copies.put(Copy(Path(folder) / str(number)))
        for name in rooms or ROOMS:
            figures = _survivors(report.read()[name]) if again else _draw(ROOMS[name], most, seed)
            _try(name, ROOMS[name], figures, copies)
            report.write({**report.read(), name: {module: found.told() for module, found in figures.items()}})


@attrs.define
class _Module:
    """One module's figures.

    Args:
        places: how many mutations it has.
        tried: how many were drawn.
        first: how many were killed when they were drawn; None while that is not known.
        waiting: those that are to be tried.
        survivors: those that were tried and have survived.
    """

    text: str
    places: int
    tried: int
    first: int | None
    waiting: list[Mutation]
    survivors: list[Mutation] = attrs.field(factory=list)

    def told(self) -> dict[str, Any]:
        """Return the figures in plain values."""
        lines = self.text.splitlines()
        killed = self.tried - len(self.survivors)
        survivors = [
            {
                "line": found.line,
                "column": found.column,
                "text": lines[found.line - 1].strip(),
                "change": found.change,
            }
            for found in sorted(self.survivors, key=lambda found: (found.line, found.number))
        ]
        first = killed if self.first is None else self.first
        return {"places": self.places, "tried": self.tried, "first": first, "killed": killed, "survivors": survivors}


def _draw(room: Room, most: int, seed: int) -> dict[str, _Module]:
    figures = {}
    for module in room.files():
        text = (ROOT / module).read_text("utf-8")
        places = list_mutations(text)
        # By the module's name, so that the choice in one does not depend on the others.
        chance = random.Random(f"{seed} {module}")
        drawn = places if not most else chance.sample(places, min(most, len(places)))
        if drawn:
            figures[module] = _Module(text, len(places), len(drawn), None, drawn)
    return figures


def _survivors(figures: dict[str, Any]) -> dict[str, _Module]:
    """Find the survivors on record again; of modules that have changed meanwhile, those whose lines are still there."""
    found = {}
    for module, told in figures.items():
        text = (ROOT / module).read_text("utf-8")
        lines = text.splitlines()
        places = list_mutations(text)
        waiting = [one for each in told["survivors"] if (one := _find(each, places, lines)) is not None]
        killed = told["tried"] - len(told["survivors"])
        first = told["first"] if len(waiting) == len(told["survivors"]) else min(told["first"], killed)
        found[module] = _Module(text, len(places), killed + len(waiting), first, waiting)
    return found


def _find(told: dict[str, Any], places: list[Mutation], lines: list[str]) -> Mutation | None:
    named = (told["text"], told["column"], told["change"])
    alike = [one for one in places if (lines[one.line - 1].strip(), one.column, one.change) == named]
    here = [one for one in alike if one.line == told["line"]]
    return (here or (alike if len(alike) == 1 else []) or [None])[0]


def _try(name: str, room: Room, figures: dict[str, _Module], copies: Queue[Copy]) -> None:
    # Each copy runs once without a mutant, which compiles its modules as well.
    waiting = [copies.get() for _ in range(copies.qsize())]
    with ThreadPoolExecutor(len(waiting)) as pool:
        usual = max(pool.map(lambda copy: copy.time(room), waiting))
    for copy in waiting:
        copies.put(copy)

    def judge(module: str, mutation: Mutation) -> str:
        copy = copies.get()
        try:
            return copy.judge(room, module, mutate(figures[module].text, mutation), usual)
        finally:
            copies.put(copy)

    chosen = [(module, mutation) for module, found in figures.items() for mutation in found.waiting]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    survived = 0
    with Progress(*columns) as progress, ThreadPoolExecutor(len(waiting)) as pool:
        task = progress.add_task(name, total=len(chosen))
        verdicts = pool.map(lambda one: judge(*one), chosen)
        for (module, mutation), verdict in zip(chosen, verdicts, strict=True):
            if verdict == SURVIVED:
                survived += 1
                figures[module].survivors.append(mutation)
            progress.update(task, advance=1, description=f"{name}: {survived} survived")


if __name__ == "__main__":
    measure()
