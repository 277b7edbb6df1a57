"""Validates the project: a fresh clone, every stage, and one report of what was promised and what was measured."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from perf.validation import report
from perf.validation.outputs import Outputs
from perf.validation.running import Place, clone, install, run_all
from perf.validation.stages import NAMES, STAGES, Stage

ROOT = Path(__file__).parents[2]


def choose(only: Sequence[str], skip: Sequence[str], quick: bool) -> list[Stage]:
    """Return the stages that are asked for."""
    return [
        stage
        for stage in STAGES
        if (not only or stage.name in only) and stage.name not in skip and (not quick or stage.quick is not None)
    ]


@click.command()
@click.option("--only", multiple=True, type=click.Choice(NAMES), help="Run these stages; else all.")
@click.option("--skip", multiple=True, type=click.Choice(NAMES), help="Leave these out.")
@click.option("--quick", is_flag=True, help="With smaller parameters and without the soak; the report says so.")
@click.option("--in-place", is_flag=True, help="In this checkout and its environment, not in a clone; no mutants.")
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    default=ROOT / "build" / "validation",
    show_default="build/validation",
    help="The folder of the report; logs and outputs are below it.",
)
def main(only: tuple[str, ...], skip: tuple[str, ...], quick: bool, in_place: bool, into: Path) -> None:
    """Run the stages and write validation.md; exit with 1 if one fails or a promise is not met."""
    stages = choose(only, skip, quick)
    if in_place and any(stage.name == "mutants" for stage in stages):
        raise click.UsageError("mutants take a clone: they would write over their figures here. Add --skip mutants")
    into, out = into.absolute(), into.absolute() / "outputs"
    shutil.rmtree(out, ignore_errors=True)  # what an earlier run has left is no figure of this one
    out.mkdir(parents=True)
    console = Console()
    with tempfile.TemporaryDirectory(prefix="validation-") as folder:
        if in_place:
            commit, place = "of this checkout, in place", Place(ROOT, Path(sys.executable), out)
        else:
            root = Path(folder) / "clone"
            commit = clone(ROOT, root)
            place = Place(root, root / ".venv" / "bin" / "python", out)
            stages = [install(place), *stages]
        begun = time.monotonic()
        ran = run_all(stages, place, quick, console)
        run = report.Run(commit, quick, ran, time.monotonic() - begun)
    measured = report.measure(Outputs(out), run)
    text = report.write(measured, run)
    (into / "validation.md").write_text(text, "utf-8")
    console.print(text, markup=False, soft_wrap=True)
    console.print(f"{into / 'validation.md'}; what each stage printed is in {out}")
    if not run.passed or any(figure is not None and not figure.met for _, figure in measured):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
