"""Compares the runs of a suite: which tests fail anew, how much is woven, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from tests.downstream.suite import Run


@attrs.frozen
class Reference:
    """What a reference came to: tests newly failing, processor time over the plain runs' mean, spans."""

    failing: int
    cpu_ratio: float
    spans: int


@attrs.frozen
class Verdict:
    """One line of the table.

    Args:
        tests: how many pass in every plain run.
        newly_failing: those of them that do not pass woven, with the failure's text.
        ratios: processor and wall time of the woven run over the plain runs' mean.
        references: what the references came to, as far as they were run.
    """

    library: str
    tests: int
    newly_failing: dict[str, str]
    public: int
    missed: tuple[str, ...]
    refused: dict[str, str]
    spans: int
    cpu_ratio: float
    wall_ratio: float
    references: dict[str, Reference]
    failures: dict[str, int]
    open: int

    @property
    def woven_share(self) -> float:
        """The share of the public callables that are woven."""
        return 1 - len(self.missed) / self.public if self.public else 0.0


def compare(library: str, plain: Sequence[Run], woven: Run, references: Mapping[str, Run]) -> Verdict:
    """Judge a woven run by plain ones; a test counts if it passes in all of those."""
    steady = set.intersection(*(run.passed for run in plain))
    failing = {
        test: woven.texts.get(test) or ("not run" if woven.ended else "not run: the interpreter died or hung")
        for test in sorted(steady - woven.passed)
    }
    report = woven.report
    return Verdict(
        library=library,
        tests=len(steady),
        newly_failing=failing,
        public=report.get("public", 0),
        missed=tuple(report.get("missed", ())),
        refused=report.get("refused", {}),
        spans=report.get("spans", 0),
        cpu_ratio=_ratio(plain, woven, "cpu"),
        wall_ratio=_ratio(plain, woven, "wall"),
        references={
            name: Reference(len(steady - run.passed), _ratio(plain, run, "cpu"), run.report.get("spans", 0))
            for name, run in references.items()
        },
        failures=report.get("failures", {}),
        open=report.get("open", 0),
    )


def _ratio(plain: Sequence[Run], other: Run, what: str) -> float:
    times = [run.report[what] for run in plain if what in run.report]
    if not times or what not in other.report:
        return float("nan")
    return float(other.report[what] / (sum(times) / len(times)))
