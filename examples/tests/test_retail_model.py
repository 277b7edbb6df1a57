"""The offline model: parallel tool calls, token usage, structured output, no network unless configured."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from pydantic import BaseModel
from strands import Agent

from retail.agents.pricing_agent import PricingAgent, pricing_agent
from retail.catalog import find_product, list_price_history
from retail.llm import OfflineModel, make_model

FACTS = {
    "products": ["olive-oil-1l"],
    "product_id": "olive-oil-1l",
    "category": "grocery",
    "product_data": find_product("olive-oil-1l"),
    "price_history": list_price_history("olive-oil-1l"),
    "market_conditions": {"demand_index": 1.2},
    "context": {"reason": "test"},
}


class Verdict(BaseModel):
    """The part of a decision that these tests ask for."""

    action_type: str
    confidence_score: float


def stream_first_turn(model: OfflineModel) -> list[dict[str, Any]]:
    prompt = pricing_agent.write_prompt("demand_spike", FACTS)
    specs = [registered.tool_spec for registered in pricing_agent.agent.tool_registry.registry.values()]

    async def collect() -> list[dict[str, Any]]:
        return [event async for event in model.stream([{"role": "user", "content": [{"text": prompt}]}], specs)]

    return asyncio.run(collect())


def test_a_turn_calls_tools_in_parallel_and_reports_tokens() -> None:
    events = stream_first_turn(OfflineModel())
    called = [e["contentBlockStart"]["start"]["toolUse"]["name"] for e in events if "contentBlockStart" in e]
    assert called == ["analyze_demand_elasticity", "get_competitor_prices"]
    usage = events[-1]["metadata"]["usage"]
    assert usage["totalTokens"] == usage["inputTokens"] + usage["outputTokens"] > 100
    assert events[-1]["metadata"]["metrics"]["latencyMs"] >= 2


def test_a_decision_takes_later_arguments_from_earlier_outcomes() -> None:
    decision = pricing_agent.make_pricing_decision("demand_spike", FACTS)
    assert decision.parameters["tools"][-1] == "evaluate_price_impact"
    proposed = [
        block["toolUse"]["input"]["proposed_price"]
        for message in pricing_agent.agent.messages
        for block in message["content"]
        if "toolUse" in block and block["toolUse"]["name"] == "evaluate_price_impact"
    ]
    assert proposed == [decision.parameters["optimal_price"]]


def test_an_unknown_situation_is_decided_with_the_tools_that_fit() -> None:
    decision = PricingAgent().make_pricing_decision("aliens_landed", FACTS)
    assert decision.parameters["tools"] == ["analyze_demand_elasticity", "calculate_optimal_price"]


def test_structured_output_is_validated() -> None:
    prompt = f"Decide.\n\nContext:\n{json.dumps({'products': ['olive-oil-1l']})}"
    result = Agent(model=OfflineModel(), callback_handler=None)(prompt, structured_output_model=Verdict)
    assert isinstance(result.structured_output, Verdict)
    messages = [{"role": "user", "content": [{"text": prompt}]}]

    async def ask() -> Any:
        return [event async for event in OfflineModel().structured_output(Verdict, messages)][-1]["output"]

    assert asyncio.run(ask()).action_type == "no_action"


def test_an_answer_that_is_no_decision_becomes_an_error_decision() -> None:
    decision = pricing_agent.read_decision("I would rather not say")
    assert decision.status == "error"
    assert "not a decision" in decision.parameters["error"]


def test_without_configuration_the_model_is_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RETAIL_BEDROCK_MODEL_ID", raising=False)
    assert isinstance(make_model(), OfflineModel)
    monkeypatch.setenv("RETAIL_BEDROCK_MODEL_ID", "some-model")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_BEARER_TOKEN_BEDROCK", "AWS_ROLE_ARN"):
        monkeypatch.delenv(name, raising=False)
    assert make_model().get_config()["model_id"] == "retail-offline-1"


def test_the_offline_model_takes_the_time_that_it_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RETAIL_BEDROCK_MODEL_ID", raising=False)
    monkeypatch.setenv("RETAIL_MODEL_LATENCY", "0.02")
    model = make_model()
    assert isinstance(model, OfflineModel)
    begun = time.monotonic()
    events = stream_first_turn(model)
    told = events[-1]["metadata"]["metrics"]["latencyMs"]
    assert 8 <= told <= 32
    assert time.monotonic() - begun >= (told - 1) / 1000
