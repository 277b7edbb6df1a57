"""``python -m tests.downstream``: other libraries' own tests, with everything public in them woven."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import attrs
import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.downstream.compare import Cost, Verdict, compare
from tests.downstream.suite import HERE, MODES, REFERENCES, ROOT, Run, Suite, load


@click.command()
@click.argument("names", nargs=-1)
@click.option("--python", default=sys.executable, help="The interpreter to test with.")
@click.option("--rounds", default=3, show_default=True, help="How often each suite runs in each way, by turns.")
@click.option(
    "--reference/--no-reference", default=True, help="Also run with an OpenTelemetry span in a wrapt wrapper."
)
@click.option("--budget", default="unlimited", show_default=True, help="What tracing may cost, such as 1%.")
@click.option("--part", is_flag=True, help="Only the small part of each suite.")
@click.option(
    "--list",
    "libraries",
    type=click.Path(path_type=Path),
    default=HERE / "libraries.yaml",
    show_default=False,
    help="Another list of libraries.",
)
@click.option(
    "--work",
    type=click.Path(path_type=Path),
    default=ROOT / "build" / "downstream",
    show_default=False,
    help="Where sources, environments and results are kept.",
)
def main(
    names: tuple[str, ...],
    python: str,
    rounds: int,
    reference: bool,
    budget: str,
    part: bool,
    libraries: Path,
    work: Path,
) -> None:
    """Run the suites of the libraries that are NAMED, or of all, untraced and woven, and compare."""
    chosen = [library for library in load(libraries) if not names or library.name in names]
    if unknown := set(names) - {library.name for library in chosen}:
        raise click.BadParameter(f"not in the list: {', '.join(sorted(unknown))}")
    console = Console() if sys.stdout.isatty() else Console(width=150)
    verdicts = []
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) as progress:
        for library in chosen:
            verdict = _judge(Suite(library, work, python, budget), rounds, reference, part, progress)
            verdicts.append(verdict)
            (work / library.name / "verdict.json").write_text(json.dumps(attrs.asdict(verdict), indent=1), "utf-8")
            console.print(_sentence(verdict))
            for test, text in verdict.newly_failing.items():
                console.print(
                    f"  [red]newly failing[/red] {test}\n{_last_lines(text)}", highlight=False, soft_wrap=True
                )
    console.print(_table(verdicts))
    sys.exit(any(verdict.newly_failing or not verdict.tests for verdict in verdicts))


def _judge(suite: Suite, rounds: int, reference: bool, part: bool, progress: Progress) -> Verdict:
    library = suite.library
    task = progress.add_task(f"{library.name}: fetching and installing", total=None)
    runs: dict[str, list[Run]] = {mode: [] for mode in MODES if reference or mode not in REFERENCES}
    try:
        suite.prepare()
        # By turns, since a shared machine is faster at one time than at another.
        for number in range(1, rounds + 1):
            for mode, done in runs.items():
                progress.update(task, description=f"{library.name}: {mode}, {number} of {rounds}")
                done.append(suite.run(mode, part=part))
    finally:
        progress.remove_task(task)
    return compare(library.name, runs.pop("plain"), runs.pop("woven"), runs)


def _sentence(verdict: Verdict) -> str:
    lines = [
        f"{verdict.library}: {verdict.tests} tests, {len(verdict.newly_failing)} newly failing; "
        f"{verdict.public - len(verdict.missed)} of {verdict.public} public callables woven, {verdict.cost.spans} spans"
    ]
    lines += [f"  not woven: {name} ({verdict.refused.get(name, 'not reached')})" for name in verdict.missed]
    if verdict.failures or verdict.open:
        lines.append(f"  failures of the layer itself: {verdict.failures}, spans left open: {verdict.open}")
    return "\n".join(lines)


def _last_lines(text: str) -> str:
    return "\n".join("    " + line for line in text.splitlines()[-12:])


def _table(verdicts: list[Verdict]) -> Table:
    table = Table(title="Other libraries' tests, with every public callable woven")
    headings = ("tests", "newly failing", "woven", "spans", "CPU x", "wall x", "us/span")
    of_references = ("OTel: failing", "spans", "CPU x", "us/span", "encoded: CPU x", "us/span")
    for heading in ("library", *headings, *of_references):
        table.add_column(heading, justify="left" if heading == "library" else "right")
    for v in verdicts:
        other = ["-"] * len(of_references)
        if v.references:
            plainly, encoded = (v.references[name] for name in REFERENCES)
            other = [str(plainly.failing), f"{plainly.cost.spans:,}", *_costs(plainly.cost), *_costs(encoded.cost)]
        ratio, by_span = _costs(v.cost)
        table.add_row(
            v.library,
            f"{v.tests:,}",
            str(len(v.newly_failing)),
            f"{v.woven_share:.1%}",
            f"{v.cost.spans:,}",
            ratio,
            f"{v.cost.wall_ratio:.1f}",
            by_span,
            *other,
        )
    public, missed = sum(v.public for v in verdicts), sum(len(v.missed) for v in verdicts)
    if public:
        failing = sum(len(v.newly_failing) for v in verdicts)
        table.caption = f"{failing} newly failing; {public - missed:,} of {public:,} woven ({1 - missed / public:.1%})"
    return table


def _costs(cost: Cost) -> tuple[str, str]:
    return f"{cost.cpu_ratio:.2f}", f"{cost.span_us:.1f}"


if __name__ == "__main__":
    main()
