"""A woven run is judged by what passes in every plain run, and a run that dies is not taken for one that passes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.downstream.compare import Cost, Reference, compare
from tests.downstream.suite import HERE, Run, load


def run(outcomes: dict[str, str], *, ended: bool = True, **report: Any) -> Run:
    return Run(outcomes, dict.fromkeys(outcomes, "why"), {"cpu": 1.0, "wall": 1.0, **report}, ended)


def test_only_a_test_that_passes_in_every_plain_run_counts() -> None:
    plain = [run({"a": "passed", "b": "passed"}), run({"a": "passed", "b": "failed"})]
    verdict = compare("x", plain, [run({"a": "passed", "b": "failed"}, public=4, missed=["m:f"])], {})
    assert (verdict.tests, verdict.newly_failing, verdict.woven_share) == (1, {}, 0.75)


def test_a_test_that_fails_errs_is_skipped_or_vanishes_woven_is_newly_failing() -> None:
    plain = [run(dict.fromkeys("abc", "passed"))]
    verdict = compare("x", plain, [run({"a": "failed", "b": "skipped"})], {})
    assert list(verdict.newly_failing) == ["a", "b", "c"]
    assert verdict.newly_failing["c"] == "not run"


def test_a_run_that_dies_is_told_from_one_that_ends() -> None:
    verdict = compare("x", [run({"a": "passed"})], [run({}, ended=False)], {})
    assert "died or hung" in verdict.newly_failing["a"]


def test_a_test_that_fails_in_one_woven_run_of_several_is_newly_failing() -> None:
    verdict = compare("x", [run({"a": "passed"})], [run({"a": "failed"}), run({"a": "passed"})], {})
    assert verdict.newly_failing == {"a": "why"}


def test_what_goes_wrong_in_the_layer_itself_is_told_of_all_woven_runs() -> None:
    runs = [run({}, failures={"begin": 2}, open=1), run({}, failures={"begin": 1, "end": 1}), run({})]
    verdict = compare("x", [run({})], runs, {})
    assert (verdict.failures, verdict.open) == ({"begin": 3, "end": 1}, 1)


def test_the_least_of_the_runs_are_compared_and_what_is_beyond_is_by_span() -> None:
    plain = [run({}, cpu=cpu, wall=wall) for cpu, wall in ((2.5, 5.0), (2.0, 6.0))]
    woven = [run({}, cpu=cpu, wall=10.0, spans=500_000) for cpu in (3.0, 9.0)]
    assert compare("x", plain, woven, {}).cost == Cost(cpu_ratio=1.5, wall_ratio=2.0, spans=500_000, span_us=2.0)
    assert str(compare("x", plain, [run({})], {}).cost.span_us) == "nan"


def test_a_reference_is_judged_by_the_same_tests() -> None:
    plain = [run({"a": "passed", "b": "passed"})]
    references = {"reference": [run({"a": "passed"}, cpu=2.0, spans=4)]}
    verdict = compare("x", plain, [run({"a": "passed", "b": "passed"})], references)
    cost = Cost(cpu_ratio=2.0, wall_ratio=1.0, spans=4, span_us=pytest.approx(250_000.0))
    assert verdict.references == {"reference": Reference(failing=1, cost=cost)}


def test_every_library_of_both_lists_can_be_read() -> None:
    assert len(load()) == 8
    assert all(library.weave and "==" in library.sdist for library in [*load(), *load(HERE / "more.yaml")])
