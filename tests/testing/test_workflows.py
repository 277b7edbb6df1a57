"""The stream of workflows: the same for the same arguments, as frequent as asked for, and whole."""

from __future__ import annotations

import json
import math
import re
import sqlite3
from collections import Counter
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracing_proxies.registry.pointcut import Pointcut
from tracing_proxies.testing import KINDS, Step, Workflow, fill_store, observations, workflows

PERSONAL = re.compile(r"@example\.com|\+49 30 \d{7}|\d{4} \d{4} \d{4} \d{4}")


def first(count: int, seed: int = 1, **arguments: Any) -> list[Workflow]:
    return list(islice(workflows(seed, **arguments), count))


def payloads(workflow: Workflow) -> str:
    return json.dumps([[step.input, step.output] for step in workflow.root.walk()])


@given(seed=st.integers(), rate=st.floats(0.01, 1e4), error_share=st.floats(0, 1), pii_share=st.floats(0, 1))
@settings(max_examples=20)
def test_the_same_arguments_give_the_same_stream(seed: int, rate: float, error_share: float, pii_share: float) -> None:
    arguments = {"rate": rate, "error_share": error_share, "pii_share": pii_share}
    assert first(5, seed, **arguments) == first(5, seed, **arguments)


def test_another_seed_gives_another_stream() -> None:
    assert first(3, 1) != first(3, 2)


@given(seed=st.integers(), fails=st.booleans())
@settings(max_examples=30)
def test_every_step_lies_within_the_one_that_made_it(seed: int, fails: bool) -> None:
    for workflow in first(4, seed, error_share=float(fails)):
        assert workflow.root.start == workflow.trigger.at
        for step in workflow.root.walk():
            assert step.duration > 0
            assert all(step.start <= child.start and child.end <= step.end for child in step.children), step.name
            assert all(a.start <= b.start for a, b in pairwise(step.children))


def test_ids_are_unique_over_a_long_stream() -> None:
    steps = [(workflow.trace_id, step.span_id) for workflow in first(500) for step in workflow.root.walk()]
    assert len(set(steps)) == len(steps)
    assert len({trace for trace, _ in steps}) == 500


@pytest.mark.parametrize("rate", [0.5, 10.0, 4000.0])
def test_triggers_arrive_as_a_poisson_process_of_the_rate(rate: float) -> None:
    for seed in range(2):
        times = [workflow.trigger.at / 1e9 for workflow in first(1000, seed, rate=rate)]
        gaps = [b - a for a, b in pairwise([0.0, *times])]
        mean = sum(gaps) / len(gaps)
        deviation = math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / len(gaps))
        assert abs(mean * rate - 1) < 5 / math.sqrt(1000)
        assert 0.8 < deviation / mean < 1.2  # that of an exponential distribution is 1


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 1.0])
def test_the_share_of_workflows_in_which_something_fails_is_as_asked(share: float) -> None:
    found = [workflow.failed for workflow in first(800, error_share=share)]
    assert abs(sum(found) / 800 - share) <= 5 * math.sqrt(share * (1 - share) / 800)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_share_of_workflows_with_personal_data_is_as_asked(share: float) -> None:
    found = [bool(PERSONAL.search(payloads(workflow))) for workflow in first(500, pii_share=share)]
    assert abs(sum(found) / 500 - share) <= 5 * math.sqrt(share * (1 - share) / 500)


def test_more_errors_move_no_trigger_and_change_no_workflow_that_does_not_fail() -> None:
    few, many = first(300, error_share=0.1), first(300, error_share=0.5)
    assert [workflow.trigger for workflow in few] == [workflow.trigger for workflow in many]
    assert {w.trace_id for w in few if w.failed} < {w.trace_id for w in many if w.failed}
    assert all(a == b for a, b in zip(few, many, strict=True) if not b.failed)


def test_kinds_are_as_frequent_as_their_weights() -> None:
    found = Counter(w.trigger.kind for w in first(2000, mix={"stock_alert": 3, "social_trend": 1, "demand_spike": 0}))
    assert set(found) == {"stock_alert", "social_trend"}
    assert abs(found["stock_alert"] / 2000 - 0.75) < 5 * math.sqrt(0.75 * 0.25 / 2000)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_leads_to_a_decision_through_agents_models_and_tools(kind: str) -> None:
    (workflow,) = first(1, mix={kind: 1}, error_share=0)
    assert workflow.decision
    assert {step.type for step in workflow.root.walk()} >= {"chain", "agent", "generation", "tool", "event"}
    decided = [step for step in workflow.root.walk() if step.confidence is not None and step.type == "agent"]
    assert all(0 <= step.confidence <= 1 and step.rationale for step in decided)  # type: ignore[operator]
    assert workflow.root.metadata["trigger_type"] == kind


def test_errors_are_raised_and_returned_and_some_of_them_end_the_workflow() -> None:
    broken = first(300, error_share=1.0)
    failed = [step for workflow in broken for step in workflow.root.walk() if step.error]
    assert all(step.level == "ERROR" and step.status_message for step in failed)
    assert {step.error for step in failed if step.type == "tool"} == {"raised", "returned"}
    assert all((step.output is None) == (step.error == "raised") for step in failed if step.type == "tool")
    assert 0.1 < sum(workflow.decision is None for workflow in broken) / 300 < 0.4


def test_targets_are_written_as_a_registry_names_them() -> None:
    targets = {step.target for workflow in first(200) for step in workflow.root.walk()}
    assert len(targets) > 20
    for target in targets:
        assert Pointcut.parse(target).text == target


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"rate": 0}, "rate must be a positive number of triggers per second, not 0"),
        ({"rate": math.inf}, "rate must be a positive number"),
        ({"error_share": 1.1}, "error_share must be between 0 and 1, not 1.1"),
        ({"pii_share": math.nan}, "pii_share must be between 0 and 1, not nan"),
        ({"mix": {"stock_alrt": 1}}, "mix: no kind of trigger 'stock_alrt'. Did you mean 'stock_alert'?"),
        ({"mix": {"stock_alert": -1}}, "mix: the weight of 'stock_alert' must be a number from 0 on, not -1"),
        ({"mix": {"stock_alert": 0}}, "mix: at least one kind of trigger needs a weight above 0"),
        ({"mix": {}}, "mix: at least one kind of trigger needs a weight above 0"),
    ],
)
def test_a_mistake_is_told_at_once(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError) as caught:
        workflows(1, **arguments)
    assert told in str(caught.value)


def test_a_workflow_is_as_many_observations_each_below_the_one_that_made_it() -> None:
    for workflow in first(50, error_share=0.5):
        found = {record.id: record for record in observations(workflow, epoch=10**18, session="s", weight=2.5)}
        for step in workflow.root.walk():
            record = found[step.span_id]
            assert (record.start_time - 10**18, record.end_time - 10**18) == (step.start, step.end)
            assert (record.name, record.type, record.level) == (step.name, step.type, step.level)
            for child in step.children:
                assert found[child.span_id].parent_observation_id == record.id
        assert len(found) == count(workflow.root)
        (root,) = (record for record in found.values() if record.parent_observation_id is None)
        assert (root.trace_name, root.session_id, root.sampling_weight) == (workflow.root.name, "s", 2.5)


def test_a_store_is_filled_with_all_of_them(tmp_path: Path) -> None:
    path = tmp_path / "traces.db"
    written = fill_store(path, islice(workflows(4), 100), epoch=10**18)
    connection = sqlite3.connect(path)
    try:
        spans, traces = connection.execute("SELECT count(*), count(DISTINCT trace_id) FROM observations").fetchone()
    finally:
        connection.close()
    assert (spans, traces) == (written, 100)


def count(step: Step) -> int:
    return 1 + sum(count(child) for child in step.children)
