"""A woven run is judged by what passes in every plain run, and a run that dies is not taken for one that passes."""

from __future__ import annotations

from typing import Any

from tests.downstream.compare import Reference, compare
from tests.downstream.suite import HERE, Run, load


def run(outcomes: dict[str, str], *, ended: bool = True, **report: Any) -> Run:
    return Run(outcomes, dict.fromkeys(outcomes, "why"), {"cpu": 1.0, "wall": 1.0, **report}, ended)


def test_only_a_test_that_passes_in_every_plain_run_counts() -> None:
    plain = [run({"a": "passed", "b": "passed"}), run({"a": "passed", "b": "failed"})]
    verdict = compare("x", plain, run({"a": "passed", "b": "failed"}, public=4, missed=["m:f"], cpu=3.0), {})
    assert (verdict.tests, verdict.newly_failing, verdict.cpu_ratio, verdict.woven_share) == (1, {}, 3.0, 0.75)


def test_a_test_that_fails_errs_is_skipped_or_vanishes_woven_is_newly_failing() -> None:
    plain = [run(dict.fromkeys("abc", "passed"))]
    verdict = compare("x", plain, run({"a": "failed", "b": "skipped"}), {})
    assert list(verdict.newly_failing) == ["a", "b", "c"]
    assert verdict.newly_failing["c"] == "not run"


def test_a_run_that_dies_is_told_from_one_that_ends() -> None:
    verdict = compare("x", [run({"a": "passed"})], run({}, ended=False), {})
    assert "died or hung" in verdict.newly_failing["a"]


def test_a_reference_is_judged_by_the_same_tests() -> None:
    plain = [run({"a": "passed", "b": "passed"})]
    references = {"reference": run({"a": "passed"}, cpu=2.0, spans=7)}
    verdict = compare("x", plain, run({"a": "passed", "b": "passed"}), references)
    assert verdict.references == {"reference": Reference(failing=1, cpu_ratio=2.0, spans=7)}


def test_every_library_of_both_lists_can_be_read() -> None:
    assert len(load()) == 8
    assert all(library.weave and "==" in library.sdist for library in [*load(), *load(HERE / "more.yaml")])
