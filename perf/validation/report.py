"""Writes the report of a validation: each promise of the README with its figure, and what each stage took."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from perf.bursts import circumstances
from perf.validation.outputs import Outputs
from perf.validation.promises import PROMISES, Figure, Promise
from perf.validation.running import Ran

_ANSWERS = {True: "yes", False: "**no**", None: "not measured"}


@attrs.frozen
class Run:
    """One validation: of which commit, whether with smaller parameters, its stages, and how long all of it took."""

    commit: str
    quick: bool
    stages: Sequence[Ran]
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether every stage has run and passed."""
        return all(stage.state == "passed" for stage in self.stages)


def measure(outputs: Outputs, run: Run) -> list[tuple[Promise, Figure | None]]:
    """Return each promise with its figure, or with None where this run has not measured it."""
    ran = {stage.name for stage in run.stages if stage.status is not None}
    return [(promise, _read(promise, outputs) if promise.stage in ran else None) for promise in PROMISES]


def _read(promise: Promise, outputs: Outputs) -> Figure | None:
    try:
        return promise.measure(outputs)
    except (FileNotFoundError, KeyError):  # the stage has failed before it got there, or was shortened
        return None


def write(measured: Sequence[tuple[Promise, Figure | None]], run: Run) -> str:
    """Return the report as Markdown."""
    return "\n".join([*_summary(measured, run), "", *_promises(measured), "", *_stages(run), ""])


def _summary(measured: Sequence[tuple[Promise, Figure | None]], run: Run) -> Iterator[str]:
    figures = [figure for _, figure in measured if figure is not None]
    met, failed = (
        sum(figure.met for figure in figures),
        [stage.name for stage in run.stages if stage.state != "passed"],
    )
    found = circumstances()
    minutes = run.seconds / 60
    yield "# Validation"
    yield ""
    yield (
        f"**{met} of {len(figures)} promises that were measured are met**, {len(measured) - len(figures)} of "
        f"{len(measured)} were not measured; {len(run.stages) - len(failed)} of {len(run.stages)} stages passed"
        f"{' (not: ' + ', '.join(failed) + ')' if failed else ''}."
    )
    yield ""
    yield (
        f"Commit {run.commit}, {found['date']}, Python {found['python']} on {found['cores']} cores, "
        f"{minutes:.0f} minutes."
        f"{' A quick run: its parameters are smaller than those of the README.' if run.quick else ''}"
    )


def _promises(measured: Sequence[tuple[Promise, Figure | None]]) -> Iterator[str]:
    yield "| what the README says | asked for | measured | met | by |"
    yield "|---|---|---|---|---|"
    for promise, figure in measured:
        cells = (
            promise.says,
            promise.bound,
            "" if figure is None else figure.text,
            _ANSWERS[None if figure is None else figure.met],
            promise.stage,
        )
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _stages(run: Run) -> Iterator[str]:
    yield "| stage | what it does | ended with | minutes |"
    yield "|---|---|---|---|"
    for stage in run.stages:
        ended = "not run" if stage.status is None else f"{stage.state} ({stage.status})"
        yield f"| {stage.name} | {stage.what} | {ended} | {stage.seconds / 60:.1f} |"
