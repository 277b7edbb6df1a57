"""A validation runs its stages, reads its figures from what they wrote, and reports each promise of the README."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from perf.validation import report
from perf.validation.outputs import Ended, Outputs
from perf.validation.promises import PROMISES
from perf.validation.running import Place, Ran, clone, last_line, run_all
from perf.validation.stages import NAMES, STAGES, Stage

ROOT = Path(__file__).parent.parent


def validate(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "perf.validation", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def run_here(folder: Path, *stages: Stage, quick: bool = False) -> list[Ran]:
    place = Place(folder, Path(sys.executable), folder)
    return run_all(stages, place, quick, Console(file=io.StringIO()))


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.says[:40])
def test_a_promise_is_one_that_the_readme_makes(promise: report.Promise) -> None:
    readme = " ".join((ROOT / "README.md").read_text("utf-8").split())
    assert re.search(re.escape(promise.says).replace("…", ".*?"), readme)


def test_every_stage_measures_a_promise() -> None:
    assert {promise.stage for promise in PROMISES} == set(NAMES)


def test_every_target_and_module_that_a_stage_runs_is_there() -> None:
    for stage in STAGES:
        for command in filter(None, (stage.command, stage.quick)):
            for module in re.findall(r"\{python\} -m ((?:perf|tests)[\w.]*)", command):
                path = ROOT / module.replace(".", "/")
                assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module
            for path in re.findall(r"(?<= )tests/[\w/.]+", command):
                assert (ROOT / path).exists() or path == "tests/mutants/results.json", path


def test_a_run_reports_what_its_stages_have_measured(tmp_path: Path) -> None:
    done = validate("--in-place", "--only", "demo", "--into", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    text = (tmp_path / "validation.md").read_text("utf-8")
    summary = re.search(
        r"^demo: .*spans=(\d+) .*leaks=0 ", (tmp_path / "outputs" / "demo.log").read_text("utf-8"), re.M
    )
    assert summary
    assert f"21 triggers, 21 traces, {summary[1]} spans, 0 left open | yes | demo |" in text
    assert text.count("| not measured |") == len(PROMISES) - 2
    assert f"**2 of 2 promises that were measured are met**, {len(PROMISES) - 2} of {len(PROMISES)}" in text
    assert (tmp_path / "outputs" / "demo-report.html").stat().st_size > 10_000


def test_mutants_are_not_made_in_place() -> None:
    done = validate("--in-place", "--only", "mutants")
    assert done.returncode == 2
    assert "Add --skip mutants" in done.stderr


def test_a_stage_that_fails_is_told_and_the_next_runs_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text("{}")
    os.utime(tmp_path / "old.json", (1, 1))
    (tmp_path / "out").mkdir()
    place = Place(tmp_path, Path(sys.executable), tmp_path / "out")
    failing = Stage("load", "fails", "echo first; echo why >&2; exit 3", None, kept=("old.json",))
    passing = Stage("demo", "passes", "{python} -c 'print(\"demo: triggers=2 leaks=1 store=x\")'", None)
    shown = io.StringIO()
    ran = run_all([failing, passing], place, False, Console(file=shown))
    assert [(each.state, each.status) for each in ran] == [("failed", 3), ("passed", 0)]
    assert last_line(place.log_of("load")) == "why"
    assert re.findall(r"^(\w+: \w+) after \d+ s$", shown.getvalue(), re.M) == ["load: failed", "demo: passed"]
    assert not (place.out / "old.json").exists()
    run = report.Run("c0ffee", True, ran, 60.0)
    measured = report.measure(Outputs(place.out), run)
    text = report.write(measured, run)
    assert not run.passed
    assert "1 of 2 stages passed (not: load)" in text
    assert "A quick run: " in text
    assert "| personal data masked | 0 places | 1 places in the store | **no** | demo |" in text
    assert {figure for promise, figure in measured if promise.stage == "load"} == {None}


def test_nothing_runs_in_an_environment_that_could_not_be_made(tmp_path: Path) -> None:
    ran = run_here(tmp_path, Stage("install", "fails", "exit 1", None), Stage("demo", "waits", "touch ran", None))
    assert [each.status for each in ran] == [1, None]
    assert not (tmp_path / "ran").exists()


def test_a_stage_that_measures_no_time_runs_beside_those_after_it_and_is_waited_for(tmp_path: Path) -> None:
    waits = "until test -e reached; do sleep 0.05; done; sleep 0.3; touch over"
    ran = run_here(
        tmp_path, Stage("soak", "waits", waits, None, beside=True), Stage("demo", "reaches", "touch reached", None)
    )
    assert [each.state for each in ran] == ["passed", "passed"]
    assert (tmp_path / "over").exists()


def test_no_stage_that_is_measured_by_a_clock_has_another_beside_it() -> None:
    first = next(number for number, stage in enumerate(STAGES) if stage.beside)
    assert {"bench", "throughput", "load"} <= {stage.name for stage in STAGES[:first]}


def test_a_quick_run_takes_the_smaller_parameters(tmp_path: Path) -> None:
    run_here(tmp_path, Stage("demo", "says", "echo at length", "echo quickly"), quick=True)
    assert last_line(tmp_path / "demo.log") == "quickly"


def test_a_clone_holds_what_is_committed_and_the_report_says_that_there_is_more(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    git = ["git", "-C", str(repository), "-c", "user.name=n", "-c", "user.email=n@example.com"]
    subprocess.run(["git", "init", "--quiet", str(repository)], check=True)
    (repository / "a.txt").write_text("committed")
    subprocess.run([*git, "add", "a.txt"], check=True)
    subprocess.run([*git, "commit", "--quiet", "-m", "Add it"], check=True)
    commit = clone(repository, tmp_path / "first")
    assert re.fullmatch(r"[0-9a-f]{12}", commit)
    (repository / "b.txt").write_text("not committed")
    assert clone(repository, tmp_path / "second") == f"{commit} (files with changes, which are not in it: 1)"
    assert [path.name for path in (tmp_path / "second").iterdir() if path.is_file()] == ["a.txt"]


def test_tests_are_counted_by_their_files_as_pytest_has_reported_them(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text("def test_one(): pass\ndef test_two(): assert False\n")
    (tmp_path / "test_b.py").write_text("import pytest\ndef test_three(): pytest.skip('why')\ndef test_four(): pass\n")
    options = ["-p", "no:cacheprovider", "-p", "no:xdist", "-o", "junit_family=xunit1", "--junitxml", "tests.xml"]
    subprocess.run([sys.executable, "-m", "pytest", *options, "."], cwd=tmp_path, capture_output=True)
    outputs = Outputs(tmp_path)
    assert outputs.tests("tests") == Ended(passed=2, failed=1, skipped=1)
    assert str(outputs.tests("tests", "test_b.py")) == "1 tests passed, 0 failed, 1 skipped"
    with pytest.raises(FileNotFoundError):
        outputs.tests("tests", "test_c.py")


def test_figures_that_are_in_the_checkout_are_read_as_those_of_a_run(tmp_path: Path) -> None:
    (tmp_path / "perf").mkdir()
    for name in ("report.json", "load.json"):
        (tmp_path / "perf" / name).write_text((ROOT / "perf" / name).read_text("utf-8"))
    ran = [Ran(name, "", "passed", 1.0, 0) for name in ("bench", "load", "outage")]
    measured = report.measure(Outputs(tmp_path), report.Run("c0ffee", False, ran, 60.0))
    found = {promise.says: figure for promise, figure in measured if promise.stage in ("bench", "load")}
    assert None not in found.values()
    rows = {row["case"]: row for row in json.loads((ROOT / "perf" / "report.json").read_text("utf-8"))["calls"]}
    captured = found["What it costs … woven, arguments and result captured"]
    assert captured is not None
    assert captured.text.startswith(f"{rows['woven_captured']['times_bare_proxy']:.2f} times, ")
    assert {figure for promise, figure in measured if promise.stage == "outage"} == {None}
