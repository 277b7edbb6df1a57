"""Each of the twenty tools, reached in each of the four ways, leaves one span of its own rule."""

from __future__ import annotations

import builtins
import contextlib
import json
from typing import Any

import pytest
from strands import Agent

from tests.application.cases import AGENTS, CONFIDENCE, OUTCOMES, OneCall, read_arguments, read_cases
from tracing_proxies.testing import CapturedSpan, capture_spans

pytestmark = pytest.mark.usefixtures("traced_throughout")
WAYS = ("direct", "model", "agent.tool", "new instance")


def call(way: str, agent_name: str, tool: str, arguments: dict[str, Any]) -> None:
    agent, build = AGENTS[agent_name]
    if way == "direct":
        getattr(agent, tool)(**arguments)
    elif way == "agent.tool":
        getattr(agent.agent.tool, tool)(**arguments)
    elif way == "new instance":
        getattr(build(), tool)(**arguments)
    else:
        # The tool object is the bound copy that the application made when it built its singleton.
        known = agent.agent.tool_registry.registry[tool]
        Agent(model=OneCall(tool, arguments), tools=[known], callback_handler=None, name="caller")("go")


def spans_of(spans: list[CapturedSpan], tool: str) -> list[CapturedSpan]:
    return [span for span in spans if span.type == "tool" and span.name == tool]


def test_the_cases_are_the_twenty_tools() -> None:
    assert {case[1] for case in read_cases()} == set(OUTCOMES)
    assert len(OUTCOMES) == 20


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", read_cases(), ids=lambda case: case[1])
def test_a_tool_leaves_one_span_however_it_is_reached(case: tuple[str, ...], way: str) -> None:
    agent, tool = case[0], case[1]
    arguments = read_arguments(case[2])
    expected = getattr(AGENTS[agent][0], tool)(**arguments)
    with capture_spans() as spans:
        call(way, agent, tool, arguments)
    [span] = spans_of(spans, tool)
    assert span.level == "DEFAULT"
    assert span.input.keys() >= arguments.keys()
    assert set(OUTCOMES[tool].split()) <= set(span.output)
    for key in OUTCOMES[tool].split():
        if f"outcome.{key}" in span.metadata:
            assert span.metadata[f"outcome.{key}"] == span.output[key]
    assert json.loads(json.dumps(expected)).keys() == span.output.keys()
    if tool in CONFIDENCE:
        assert span.metadata["outcome.confidence"] == pytest.approx(expected[CONFIDENCE[tool]])
    parents = {other.span_id: other for other in spans}
    if way == "model":
        assert parents[span.parent_id].type == "agent"
        assert parents[span.parent_id].name == "caller"
    else:
        assert span.parent_id is None


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", read_cases(), ids=lambda case: f"{case[1]}-{case[5]}")
def test_a_tool_that_fails_leaves_one_error_span(case: tuple[str, ...], way: str) -> None:
    agent, tool = case[0], case[1]
    raised = case[4] == "raises"
    # Strands turns what a tool raises into a result; called directly it passes.
    passes = raised and way in ("direct", "new instance")
    outcome = pytest.raises(getattr(builtins, case[5])) if passes else contextlib.nullcontext()
    with capture_spans() as spans, outcome:
        call(way, agent, tool, read_arguments(case[3]))
    [span] = spans_of(spans, tool)
    assert span.level == "ERROR"
    assert span.status_message
    if raised:
        assert span.metadata["error.type"].endswith(case[5])
    else:
        assert span.metadata["error.returned"] is True


def test_arguments_that_strands_refuses_leave_an_error_span_too() -> None:
    with capture_spans() as spans:
        call("model", "pricing", "calculate_optimal_price", {"market_conditions": "not a mapping"})
    [span] = spans_of(spans, "calculate_optimal_price")
    assert span.level == "ERROR"
    assert span.input == {"market_conditions": "not a mapping"}
