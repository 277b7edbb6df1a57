"""The trigger consumer: takes one trigger through the agent it names, the orchestrator and the workflows."""

from __future__ import annotations

import asyncio
from typing import Any

from retail.agents.inventory_agent import inventory_agent
from retail.agents.memory import agent_memory
from retail.agents.orchestrator import orchestrator
from retail.agents.pricing_agent import pricing_agent
from retail.agents.promotion_agent import promotion_agent
from retail.briefing import brief
from retail.models import Decision, Trigger, TriggerOutcome

WORKFLOWS = {
    "slow_moving_inventory": ("inventory_to_pricing",),
    "competitor_price_change": ("pricing_to_promotion",),
    "seasonal_promotion": ("promotion_to_inventory",),
    "multi_category_event": ("market_event_response",),
    "cross_category_learning": ("cross_agent_learning",),
    "influencer_campaign": ("pricing_to_promotion", "promotion_to_inventory"),
    "market_event_coordination": ("market_event_response", "inventory_to_pricing"),
}


class TriggerConsumer:
    """Handles triggers; a trigger that cannot be handled ends as a failed outcome, never as a crash."""

    async def handle(self, trigger: Trigger) -> TriggerOutcome:
        """Decide on everything that a trigger asks for, and remember it."""
        outcome = TriggerOutcome(
            trigger.trigger_id, trigger.name, trigger.agent_type, trigger.trigger_type, trigger.intensity, "completed"
        )
        try:
            facts = brief(trigger)
            outcome.decision = await self.ask_agent(trigger, facts)
            outcome.orchestration = await orchestrator.process_market_event(
                {
                    "event_id": trigger.trigger_id,
                    "event_type": trigger.trigger_type,
                    "agent_type": trigger.agent_type,
                    "intensity": trigger.intensity,
                    "facts": facts,
                    "checks": trigger.conditions.get("checks", {}),
                    "lead_decision": outcome.decision,
                }
            )
            data = {"products": trigger.products, "facts": facts}
            for workflow in WORKFLOWS.get(trigger.trigger_type, ()):
                outcome.workflows.append(await orchestrator.trigger_collaboration_workflow(workflow, data))
        except Exception as problem:  # one broken trigger must not end the shop's day; the outcome tells
            outcome.status = "failed"
            outcome.errors.append(f"{type(problem).__name__}: {problem}")
            return outcome
        self.remember(trigger, outcome)
        return outcome

    async def ask_agent(self, trigger: Trigger, facts: dict[str, Any]) -> Decision | None:
        """Let the agent that a trigger names decide, in a thread; None if it names no single agent."""
        decide = {
            "inventory": inventory_agent.make_inventory_decision,
            "pricing": pricing_agent.make_pricing_decision,
            "promotion": promotion_agent.make_promotion_decision,
        }.get(trigger.agent_type)
        return await asyncio.to_thread(decide, trigger.trigger_type, facts) if decide else None

    def remember(self, trigger: Trigger, outcome: TriggerOutcome) -> None:
        """Store the decisions that were made, and name what went wrong on the way."""
        for decision in outcome.orchestration["decisions"]:
            agent_memory.store_decision(trigger.run_id, trigger.trigger_id, decision)
            for tool, error in decision.parameters.get("tool_errors", {}).items():
                outcome.errors.append(f"{decision.agent_id}.{tool}: {error}")
        troubled = any(workflow["status"] != "completed" for workflow in outcome.workflows)
        if outcome.errors or troubled or outcome.orchestration["status"] != "completed":
            outcome.status = "completed_with_errors"
