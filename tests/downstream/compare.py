"""Compares the runs of a suite: which tests fail anew, how much is woven, and what it costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import attrs

from tests.downstream.suite import Run

_NAN = float("nan")


@attrs.frozen
class Cost:
    """What the runs of one mode took beyond the untraced ones.

    A shared machine only ever adds to what a run takes, so that the least of some runs is compared with the least.

    Args:
        cpu_ratio: processor time over the untraced runs'.
        wall_ratio: the same of the time that passes.
        spans: how many there were, in the last run.
        span_us: the processor time beyond untraced by span, in microseconds.
    """

    cpu_ratio: float
    wall_ratio: float
    spans: int
    span_us: float


@attrs.frozen
class Reference:
    """What a reference came to: tests newly failing, and its cost."""

    failing: int
    cost: Cost


@attrs.frozen
class Verdict:
    """One line of the table.

    Args:
        tests: how many pass in every plain run.
        newly_failing: those of them that fail in any woven run, with the failure's text.
        references: what the references came to, as far as they were run.
        failures: those of the layer itself in all woven runs, and `open` how many spans these have left open.
    """

    library: str
    tests: int
    newly_failing: dict[str, str]
    public: int
    missed: tuple[str, ...]
    refused: dict[str, str]
    cost: Cost
    references: dict[str, Reference]
    failures: dict[str, int]
    open: int

    @property
    def woven_share(self) -> float:
        """The share of the public callables that are woven."""
        return 1 - len(self.missed) / self.public if self.public else 0.0


def compare(
    library: str, plain: Sequence[Run], woven: Sequence[Run], references: Mapping[str, Sequence[Run]]
) -> Verdict:
    """Judge woven runs by plain ones; a test counts if it passes in all of those."""
    steady = set.intersection(*(run.passed for run in plain))
    failing: dict[str, str] = {}
    failures: Counter[str] = Counter()
    for run in woven:
        failures.update(run.report.get("failures", {}))
        why = "not run" if run.ended else "not run: the interpreter died or hung"
        failing |= {test: run.texts.get(test) or why for test in sorted(steady - run.passed)}
    report = woven[-1].report
    return Verdict(
        library=library,
        tests=len(steady),
        newly_failing=failing,
        public=report.get("public", 0),
        missed=tuple(report.get("missed", ())),
        refused=report.get("refused", {}),
        cost=_cost(plain, woven),
        references={
            name: Reference(max(len(steady - run.passed) for run in runs), _cost(plain, runs))
            for name, runs in references.items()
        },
        failures=dict(failures),
        open=sum(run.report.get("open", 0) for run in woven),
    )


def _cost(plain: Sequence[Run], runs: Sequence[Run]) -> Cost:
    spans = runs[-1].report.get("spans", 0)
    before, cpu = _least(plain, "cpu"), _least(runs, "cpu")
    return Cost(
        cpu_ratio=cpu / before,
        wall_ratio=_least(runs, "wall") / _least(plain, "wall"),
        spans=spans,
        span_us=1e6 * (cpu - before) / spans if spans else _NAN,
    )


def _least(runs: Sequence[Run], what: str) -> float:
    return min((float(run.report[what]) for run in runs if what in run.report), default=_NAN)
