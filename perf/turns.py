"""Response times of the retail application, untraced, traced, and within a budget: programs that take turns.

A machine that others use is faster at one moment than at the next, by more than tracing costs. So three programs run
side by side, of which only one works at a time: each runs the same scenarios once, with the same seed, and waits until
the others have done the same. What is compared was measured within three seconds.
"""

from __future__ import annotations

import contextlib
import itertools
import json
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

_WARM_UP = 6
_REST = 0.2
_RESAMPLED = 2_000
_FIRST_SEED = 7


class Program:
    """The application in a process of its own, which runs once whenever it is told to.

    Args:
        budget: ``plain``, ``unlimited`` or a share, as ``perf.market`` takes it.
        folder: where it keeps its traces.
    """

    def __init__(self, budget: str, folder: Path) -> None:
        command = [sys.executable, "-m", "perf.market", budget, "0", "turns", str(folder)]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)

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
    """What programs told in each round, by their budgets."""

    told: dict[str, list[dict[str, Any]]]

    def times(self, budget: str, rounds: Sequence[int] | None = None) -> list[float]:
        """Return the response times of some rounds, in seconds."""
        told = self.told[budget]
        return [one for number in (range(len(told)) if rounds is None else rounds) for one in told[number]["times"]]

    def describe(self, budget: str, beside: str) -> dict[str, Any]:
        """Return the response times of a program in milliseconds, its CPU, and how much slower it is than another.

        Returns:
            ``median`` and ``p95``, ``cpu`` a trigger; ``slower``: for both the share by which it is slower, and the
            interval that holds it in 95 of 100 cases, by resampling rounds (Efron's bootstrap of percentiles).
        """
        times = self.times(budget)
        chance = random.Random(_FIRST_SEED)
        count = len(self.told[budget])
        again = [[chance.randrange(count) for _ in range(count)] for _ in range(_RESAMPLED)]
        slower: dict[str, Any] = {}
        for name, measure in MEASURES.items():
            ratios = [measure(self.times(budget, some)) / measure(self.times(beside, some)) - 1 for some in again]
            slower[name] = {
                "share": measure(times) / measure(self.times(beside)) - 1,
                "from": percentile(ratios, 0.025),
                "to": percentile(ratios, 0.975),
            }
        return {
            "triggers": len(times),
            **{name: 1e3 * measure(times) for name, measure in MEASURES.items()},
            "cpu": 1e3 * sum(one["cpu"] for one in self.told[budget]) / len(times),
            "slower": slower,
        }


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which a share of all values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


MEASURES: dict[str, Callable[[Sequence[float]], float]] = {
    "median": statistics.median,
    "p95": lambda times: percentile(times, 0.95),
}


def take_turns(budgets: Sequence[str], rounds: int) -> Iterator[Rounds]:
    """Run the application within each budget, in turns, and yield all that is known after each round.

    Args:
        rounds: how many are made, after some that count for nothing.
    """
    found = Rounds({budget: [] for budget in budgets})
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        programs = {}
        for number, budget in enumerate(budgets):
            own = Path(folder, str(number))
            own.mkdir()
            programs[budget] = Program(budget, own)
            stack.callback(programs[budget].stop)
        # In every order as often as in any other: each may leave something for the next one to wait for.
        orders = itertools.cycle(itertools.permutations(budgets))
        for number, order in zip(range(_WARM_UP + rounds), orders, strict=False):
            for budget in order:
                time.sleep(_REST)
                told = programs[budget].run(_FIRST_SEED + number)
                if number >= _WARM_UP:
                    found.told[budget].append(told)
            if number >= _WARM_UP:
                yield found
