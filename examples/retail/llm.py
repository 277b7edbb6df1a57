"""The model behind the agents: Bedrock when it is configured, a deterministic offline model otherwise."""

from __future__ import annotations

import asyncio
import json
import os
import zlib
from collections.abc import AsyncGenerator
from typing import Any, TypeVar

from pydantic import BaseModel
from strands.models import Model

from retail.offline.answers import Outcomes, compose_answer
from retail.offline.plans import choose_plan, fill_arguments, learn_facts

CONTEXT_MARK = "Context:\n"
LATENCY = 0.005
CREDENTIAL_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_BEARER_TOKEN_BEDROCK", "AWS_ROLE_ARN")

T = TypeVar("T", bound=BaseModel)


class OfflineModel(Model):
    """A Strands model without a network: it plans tool calls from the prompt and answers from their results.

    Args:
        model_id: what it calls itself.
        latency: seconds that it takes to answer on average; 0.4 to 1.6 times as long, by how far a task has got.
    """

    def __init__(self, model_id: str = "retail-offline-1", latency: float = LATENCY) -> None:
        """Configure the model."""
        self._latency = latency
        self._config: dict[str, Any] = {"model_id": model_id, "context_window_limit": 200_000, "temperature": 0.0}

    def update_config(self, **model_config: Any) -> None:
        """Override parts of the configuration."""
        self._config.update(model_config)

    def get_config(self) -> dict[str, Any]:
        """Return the configuration."""
        return self._config

    async def structured_output(
        self, output_model: type[T], prompt: Any, system_prompt: str | None = None, **kwargs: Any
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Yield the answer to a prompt, validated as the given model."""
        yield {"output": output_model.model_validate(compose_now(prompt))}

    async def stream(
        self,
        messages: Any,
        tool_specs: Any = None,
        system_prompt: str | None = None,
        *,
        tool_choice: Any = None,
        **kwargs: Any,
    ) -> AsyncGenerator[Any, None]:
        """Stream one turn: parallel tool calls while the plan has any, the decision as JSON text after that."""
        heard = json.dumps(messages, ensure_ascii=False, sort_keys=True)
        mark = zlib.crc32(heard.encode())
        turn = len(messages) - find_prompt(messages)
        latency = self._latency * (2 + 5 * turn % 7) / 5
        await asyncio.sleep(latency)
        calls, answer = think(messages, tool_specs or [])
        if tool_choice and "tool" in tool_choice:  # the agent insists on an answer in the shape of this tool's input
            calls = [(tool_choice["tool"]["name"], compose_now(messages))]
        yield {"messageStart": {"role": "assistant"}}
        for number, (name, arguments) in enumerate(calls):
            start = {"name": name, "toolUseId": f"call_{mark:08x}_{number}"}
            yield {"contentBlockStart": {"start": {"toolUse": start}}}
            yield {"contentBlockDelta": {"delta": {"toolUse": {"input": json.dumps(arguments)}}}}
            yield {"contentBlockStop": {}}
        if not calls:
            yield {"contentBlockStart": {"start": {}}}
            yield {"contentBlockDelta": {"delta": {"text": answer}}}
            yield {"contentBlockStop": {}}
        yield {"messageStop": {"stopReason": "tool_use" if calls else "end_turn"}}
        said = len(answer) + sum(len(name) + len(json.dumps(arguments)) for name, arguments in calls)
        read = len(heard) + len(system_prompt or "")
        usage = {"inputTokens": read // 4, "outputTokens": said // 4 + 1, "totalTokens": read // 4 + said // 4 + 1}
        yield {"metadata": {"usage": usage, "metrics": {"latencyMs": round(1000 * latency)}}}


def think(messages: Any, tool_specs: list[dict[str, Any]]) -> tuple[list[tuple[str, dict[str, Any]]], str]:
    """Return the next tool calls, or none of them and the final answer."""
    facts, outcomes = read_prompt(messages), read_outcomes(messages)
    plan = choose_plan(facts.get("situation", ""), tool_specs, facts)
    facts = learn_facts(facts, outcomes)
    called = {name for name, _ in outcomes}
    specs = {spec["name"]: spec for spec in tool_specs if spec["name"] not in called}
    for names in plan.turns:
        filled = [(name, fill_arguments(specs[name], facts)) for name in names if name in specs]
        calls = [(name, arguments) for name, arguments in filled if arguments is not None]
        if calls:
            return calls, ""
    return [], json.dumps(compose_answer(plan.decisive, outcomes, facts.get("products", [])), ensure_ascii=False)


def compose_now(messages: Any) -> dict[str, Any]:
    """Return the answer that the tools' outcomes so far allow; the last tool decides if the situation is unknown."""
    facts, outcomes = read_prompt(messages), read_outcomes(messages)
    decisive = outcomes[-1][0] if outcomes else ""
    return compose_answer(decisive, outcomes, facts.get("products", []))


def find_prompt(messages: Any) -> int:
    """Return the index of the latest message that carries a task with its context, 0 if there is none."""
    for index in range(len(messages) - 1, -1, -1):
        if any(CONTEXT_MARK in block.get("text", "") for block in messages[index]["content"]):
            return index
    return 0


def read_prompt(messages: Any) -> dict[str, Any]:
    """Return the context that the latest task came with."""
    for block in messages[find_prompt(messages)]["content"] if messages else ():
        _, mark, context = block.get("text", "").partition(CONTEXT_MARK)
        if mark:
            facts: dict[str, Any] = json.loads(context)
            return facts
    return {}


def read_outcomes(messages: Any) -> Outcomes:
    """Return the outcome of every tool call since the latest task, in the order of the calls."""
    names: dict[str, str] = {}
    outcomes: Outcomes = []
    for message in messages[find_prompt(messages) :]:
        for block in message["content"]:
            if "toolUse" in block:
                names[block["toolUse"]["toolUseId"]] = block["toolUse"]["name"]
            elif "toolResult" in block:
                result = block["toolResult"]
                text = "".join(part.get("text", "") for part in result["content"])
                failed = result["status"] == "error"
                outcome = {"status": "error", "error": text, "raised": True} if failed else json.loads(text)
                outcomes.append((names[result["toolUseId"]], outcome))
    return outcomes


def make_model() -> Model:
    """Return a Bedrock model if a model id and AWS credentials are configured, the offline model otherwise.

    Raises:
        ValueError: ``RETAIL_MODEL_LATENCY`` is no number of seconds.
    """
    model_id = os.environ.get("RETAIL_BEDROCK_MODEL_ID")
    if model_id and any(os.environ.get(name) for name in CREDENTIAL_VARIABLES):
        from strands.models import BedrockModel

        return BedrockModel(model_id=model_id)
    return OfflineModel(latency=float(os.environ.get("RETAIL_MODEL_LATENCY", LATENCY)))
