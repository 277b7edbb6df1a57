"""What the three agents have in common: asking the model, reading its decision, answering messages, recovering."""

from __future__ import annotations

import json
import threading
from abc import ABC, abstractmethod
from typing import Any

from strands import Agent
from strands.models import Model

from retail.llm import CONTEXT_MARK, make_model
from retail.models import AgentMessage, Decision

ANSWER_FORMAT = (
    "Call the tools that the situation needs, then answer with one JSON object and nothing else. Its keys: "
    "action_type, product_ids, parameters (with the key error if you could not decide), confidence_score, rationale, "
    "status."
)
SHARED_FACTS = ("note", "contact_email", "contact_phone", "supplier_api_key", "products", "trigger_id")


class RetailAgent(ABC):
    """An agent with its own Strands agent, model and tools; it takes one request at a time."""

    agent_id: str
    agent_type: str
    instructions: str

    def __init__(self, tools: list[Any], model: Model | None = None) -> None:
        """Build the Strands agent around the tools; without a model, around the configured one."""
        self._turn = threading.Lock()
        self.agent = Agent(
            model=model or make_model(),
            tools=tools,
            system_prompt=f"{self.instructions} {ANSWER_FORMAT}",
            callback_handler=None,
            name=self.agent_id,
            agent_id=self.agent_id,
        )
        self._arguments = {name for tool in tools for name in tool.tool_spec["inputSchema"]["json"]["properties"]}

    @abstractmethod
    def make_decision(self, situation: str, context: dict[str, Any]) -> Decision:
        """Decide what to do in a situation."""

    @abstractmethod
    def fall_back(self, tool: str, context: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Return what to do when a tool failed, and what came of doing it."""

    def receive_message(self, message: AgentMessage) -> Decision:
        """Decide on what another part of the system asks; the message's type is the situation."""
        return self.make_decision(message.message_type, message.content)

    def write_prompt(self, situation: str, context: dict[str, Any]) -> str:
        """Write the task as text, followed by those facts that this agent's tools or the reader need."""
        wanted = self._arguments | set(SHARED_FACTS)
        facts = {"situation": situation} | {name: context[name] for name in sorted(context) if name in wanted}
        about = ", ".join(context.get("products", [])) or "the whole range"
        task = f"Situation: {situation.replace('_', ' ')} about {about}."
        if context.get("note"):
            task += f" Note: {context['note']}"
        return f"{task}\n\n{CONTEXT_MARK}{json.dumps(facts, ensure_ascii=False, sort_keys=True)}"

    def ask(self, prompt: str) -> Decision:
        """Let the model work on a prompt with an empty conversation and read the decision that it ends with."""
        with self._turn:
            self.agent.messages.clear()
            answer = str(self.agent(prompt))
        return self.read_decision(answer)

    def read_decision(self, answer: str) -> Decision:
        """Read the decision out of the model's final text; a text without one is an error decision."""
        try:
            said = json.loads(answer[answer.index("{") : answer.rindex("}") + 1])
            return Decision(
                agent_id=self.agent_id,
                action_type=said["action_type"],
                product_ids=list(said["product_ids"]),
                parameters=dict(said["parameters"]),
                confidence_score=float(said["confidence_score"]),
                rationale=said["rationale"],
                status=said["status"],
            )
        except (ValueError, KeyError, TypeError) as problem:
            reason = f"the model's answer is not a decision: {type(problem).__name__}: {problem}"
            return Decision(self.agent_id, "no_action", [], {"error": reason}, 0.0, reason, "error")

    def conclude(self, decision: Decision, context: dict[str, Any]) -> Decision:
        """Recover from every tool that failed on the way to a decision, and note how."""
        failures: dict[str, str] = dict(decision.parameters.get("tool_errors", {}))
        if "error" in decision.parameters and not failures:
            failures = {"model": decision.parameters["error"]}
        if failures:
            decision.parameters["recoveries"] = [
                self.recover(error, context | {"failed_tool": tool}) for tool, error in failures.items()
            ]
            decision.status = "recovered"
        return decision

    def recover(self, error: str, context: dict[str, Any]) -> dict[str, Any]:
        """Do the next best thing after a tool failed.

        Args:
            error: what the tool said.
            context: the request's facts, and `failed_tool`, the name of the tool.
        """
        action, outcome = self.fall_back(context["failed_tool"], context)
        return {
            "recovery_action": action,
            "failed_tool": context["failed_tool"],
            "error": error,
            "outcome": outcome,
        }
