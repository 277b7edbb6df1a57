"""Response times of the retail application, untraced, traced, and within a budget: programs that take turns.

A machine that others use is faster at one moment than at the next, by more than tracing costs. So three programs run
side by side, of which only one works at a time: each runs the same scenarios once, with the same seed, and waits until
the others have done the same. What is compared was measured within three seconds.

Nor is one process of a program as fast as the next, for as long as it lives: by two in a hundred and more, as strings
hash and memory lies. So the programs are launched anew several times, each time with one hash seed for all.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs

_REST = 0.2
_RESAMPLED = 2_000
_FIRST_SEED = 7


@attrs.frozen
class Course:
    """How the programs take turns.

    Args:
        launches: how often the programs are started.
        rounds: how many are made in each launch.
        warm_up: how many are made before, which count for nothing.
        latency: seconds that the model takes to answer, on average.
        at_once: how many triggers are handled at a time.
    """

    launches: int
    rounds: int
    warm_up: int = 6
    latency: float = 0.005
    at_once: int = 6


class Program:
    """The application in a process of its own, which runs once whenever it is told to.

    Args:
        budget: ``plain``, ``unlimited`` or a share, as ``perf.market`` takes it.
        folder: where it keeps its traces.
        hash_seed: how strings hash in it.
        course: how the programs take turns.
    """

    def __init__(self, budget: str, folder: Path, hash_seed: int, course: Course) -> None:
        command = [sys.executable, "-m", "perf.market", budget, str(course.at_once), "turns", str(folder)]
        own = {"PYTHONHASHSEED": str(hash_seed), "RETAIL_MODEL_LATENCY": str(course.latency)}
        pipe, environ = subprocess.PIPE, {**os.environ, **own}
        self._process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True, env=environ
        )

    def run(self, seed: int) -> dict[str, Any]:
        """Have it run all scenarios once, and return the response times and the CPU of that.

        Raises:
            RuntimeError: it has ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(seed, file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the application ended with {self._process.wait()}")
        told: dict[str, Any] = json.loads(line)
        return told

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


@attrs.frozen
class Rounds:
    """What programs told in each round of each launch, by their budgets."""

    told: dict[str, list[list[dict[str, Any]]]]

    def describe(self, budget: str, beside: str) -> dict[str, Any]:
        """Return the response times of a program in milliseconds, its CPU, and how much slower it is than another.

        Returns:
            ``median`` and ``p95`` of all response times, ``cpu`` a trigger; ``slower``: for both measures the share by
            which this program's is longer than the other's in the same round, the median over all rounds, and the
            interval that holds it in 95 of 100 cases, by resampling launches, and rounds within each (Efron's bootstrap
            of percentiles, for clusters: Davison and Hinkley, Bootstrap Methods and their Application, section 3.8).
        """
        times = [one for rounds in self.told[budget] for told in rounds for one in told["times"]]
        slower = {name: self._compare(measure, budget, beside) for name, measure in MEASURES.items()}
        return {
            "triggers": len(times),
            **{name: 1e3 * measure(times) for name, measure in MEASURES.items()},
            "cpu": 1e3 * sum(one["cpu"] for rounds in self.told[budget] for one in rounds) / len(times),
            "slower": slower,
        }

    def _compare(self, measure: Callable[[Sequence[float]], float], budget: str, beside: str) -> dict[str, float]:
        # By rounds, since what a busy machine does to one round, and not to the next, is more than tracing does.
        launches = [
            [measure(told["times"]) / measure(other["times"]) - 1 for told, other in zip(rounds, others, strict=True)]
            for rounds, others in zip(self.told[budget], self.told[beside], strict=True)
        ]
        chance = random.Random(_FIRST_SEED)
        found = [statistics.median(_resample(launches, chance)) for _ in range(_RESAMPLED)]
        share = statistics.median(itertools.chain.from_iterable(launches))
        return {"share": share, "from": percentile(found, 0.025), "to": percentile(found, 0.975)}


def _resample(launches: Sequence[Sequence[float]], chance: random.Random) -> list[float]:
    return [chance.choice(rounds) for rounds in chance.choices(launches, k=len(launches)) for _ in rounds]


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which a share of all values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


MEASURES: dict[str, Callable[[Sequence[float]], float]] = {
    "median": statistics.median,
    "p95": lambda times: percentile(times, 0.95),
}


def take_turns(budgets: Sequence[str], course: Course) -> Iterator[Rounds]:
    """Run the application within each budget, in turns, and yield all that is known after each round."""
    found = Rounds({budget: [] for budget in budgets})
    for launch in range(course.launches):
        for launches_told in found.told.values():
            launches_told.append([])
        for round_told in _launch(budgets, course, launch):
            for budget, told in round_told.items():
                found.told[budget][-1].append(told)
            yield found


def share_of_work(programs: int, course: Course) -> float:
    """Return for which part of all time each of so many programs works, as they take turns.

    The untraced one is run alone for a few rounds, to see how long it works in each.
    """
    *_, known = take_turns(["plain"], attrs.evolve(course, launches=1, rounds=course.warm_up))
    works = statistics.fmean(told["seconds"] for rounds in known.told["plain"] for told in rounds)
    return works / (programs * (works + _REST))


def _launch(budgets: Sequence[str], course: Course, launch: int) -> Iterator[dict[str, dict[str, Any]]]:
    """Start the programs, and yield what each tells in each round that counts."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        programs = {}
        for number, budget in enumerate(budgets):
            own = Path(folder, str(number))
            own.mkdir()
            programs[budget] = Program(budget, own, 1 + launch, course)
            stack.callback(programs[budget].stop)
        # In every order as often as in any other: each may leave something for the next one to wait for.
        orders = itertools.cycle(itertools.permutations(budgets))
        made = course.warm_up + course.rounds
        for number, order in zip(range(made), orders, strict=False):
            told = {}
            for budget in order:
                time.sleep(_REST)
                told[budget] = programs[budget].run(_FIRST_SEED + launch * made + number)
            if number >= course.warm_up:
                yield told
