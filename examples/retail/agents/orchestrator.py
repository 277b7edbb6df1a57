"""The orchestrator: asks agents by messages, settles their conflicts, runs workflows, sums up the answers."""

from __future__ import annotations

import asyncio
from statistics import fmean
from typing import Any

from retail.agents.base import RetailAgent
from retail.agents.collaboration import CollaborationWorkflow
from retail.agents.conflicts import choose_winner, find_conflicts
from retail.agents.inventory_agent import inventory_agent
from retail.agents.pricing_agent import pricing_agent
from retail.agents.promotion_agent import promotion_agent
from retail.models import AgentMessage, Conflict, Decision, MessageReceipt

CHECKS = {"inventory_agent": "stock_check", "pricing_agent": "price_check", "promotion_agent": "promotion_check"}
RESPONDERS = {
    "inventory": ("pricing_agent", "promotion_agent"),
    "pricing": ("promotion_agent", "inventory_agent"),
    "promotion": ("inventory_agent", "pricing_agent"),
    "orchestrator": ("inventory_agent", "pricing_agent", "promotion_agent"),
    "collaboration": ("inventory_agent",),
}


class RetailOptimizationOrchestrator:
    """Coordinates the agents on market events; it calls the agents themselves, in threads, by gathered messages."""

    agent_id = "orchestrator"

    def __init__(self, agents: list[RetailAgent]) -> None:
        """Know the agents by their ids."""
        self.agents = {agent.agent_id: agent for agent in agents}
        self.workflow = CollaborationWorkflow(self.send_message)

    async def send_message(self, message: AgentMessage) -> MessageReceipt:
        """Deliver one message and wait for the recipient's decision; an unknown recipient is a failed receipt."""
        recipient = self.agents.get(message.recipient)
        route = (message.sender, message.recipient, message.message_type)
        if recipient is None:
            return MessageReceipt("failed", *route, error=f"no agent '{message.recipient}'")
        decision = await asyncio.to_thread(recipient.receive_message, message)
        return MessageReceipt("delivered", *route, decision=decision)

    async def coordinate_agents(self, request: dict[str, Any]) -> dict[str, Any]:
        """Ask several agents at once.

        Args:
            request: `agents`, the recipients' ids with the situation to put to each, and `facts`, the content.

        Returns:
            status, receipts and the decisions that came back, in the order of the recipients.
        """
        messages = [
            AgentMessage(self.agent_id, recipient, situation, request["facts"])
            for recipient, situation in request["agents"].items()
        ]
        receipts = await asyncio.gather(*(self.send_message(message) for message in messages))
        decisions = [receipt.decision for receipt in receipts if receipt.decision]
        status = "completed" if len(decisions) == len(messages) else "partial"
        return {"status": status, "receipts": list(receipts), "decisions": decisions}

    async def process_market_event(self, event: dict[str, Any]) -> dict[str, Any]:
        """React to a market event: ask the agents it concerns, settle conflicts, sum up.

        Args:
            event: event_id, event_type, agent_type, intensity, facts, and optionally lead_decision, what the agent
                that the event names has decided already, and checks, the situation to put to an agent.

        Returns:
            status, responding_agents, conflicts_detected, resolution, decisions and synthesis.
        """
        responders = RESPONDERS[event["agent_type"]]
        if event["intensity"] == "low" and event["agent_type"] != "orchestrator":
            responders = responders[:1]
        checks = CHECKS | event.get("checks", {})
        request = {"agents": {agent_id: checks[agent_id] for agent_id in responders}, "facts": event["facts"]}
        answers = await self.coordinate_agents(request)
        lead = event.get("lead_decision")
        decisions = ([lead] if lead else []) + answers["decisions"]
        conflicts = self.detect_conflicts(decisions)
        resolution = self.resolve_conflicts(conflicts)
        return {
            "status": answers["status"],
            "event_id": event["event_id"],
            "responding_agents": list(responders),
            "conflicts_detected": len(conflicts),
            "resolution": resolution,
            "decisions": decisions,
            "synthesis": self.synthesize(event, decisions, resolution),
        }

    async def trigger_collaboration_workflow(self, workflow_type: str, data: dict[str, Any]) -> dict[str, Any]:
        """Run one of the five workflows by its name; an unknown name is a failed result.

        Args:
            workflow_type: inventory_to_pricing, pricing_to_promotion, promotion_to_inventory, cross_agent_learning
                or market_event_response.
            data: facts and products.
        """
        workflows = {
            "inventory_to_pricing": self.workflow.inventory_to_pricing,
            "pricing_to_promotion": self.workflow.pricing_to_promotion,
            "promotion_to_inventory": self.workflow.promotion_to_inventory_validation,
            "cross_agent_learning": self.workflow.cross_agent_learning,
            "market_event_response": self.workflow.market_event_response,
        }
        if workflow_type not in workflows:
            return {"workflow": workflow_type, "status": "failed", "error": f"no workflow '{workflow_type}'"}
        return {"workflow": workflow_type} | await workflows[workflow_type](data)

    def detect_conflicts(self, decisions: list[Decision]) -> list[Conflict]:
        """Find the decisions that cannot both be carried out."""
        return find_conflicts(decisions)

    def resolve_conflicts(self, conflicts: list[Conflict]) -> dict[str, Any]:
        """Choose a winner of each conflict and overrule the other decision."""
        rulings = []
        for conflict in conflicts:
            winner, loser, rule = choose_winner(conflict)
            loser.status = "overruled"
            rulings.append(
                {
                    "kind": conflict.kind,
                    "products": conflict.product_ids,
                    "goes_ahead": f"{winner.agent_id}: {winner.action_type}",
                    "gives_way": f"{loser.agent_id}: {loser.action_type}",
                    "rationale": rule,
                }
            )
        return {"status": "resolved" if rulings else "nothing_to_resolve", "rulings": rulings}

    def synthesize(
        self, event: dict[str, Any], decisions: list[Decision], resolution: dict[str, Any]
    ) -> dict[str, Any]:
        """Sum up what is going to happen after an event."""
        standing = [decision for decision in decisions if decision.status != "overruled"]
        actions = [f"{decision.agent_id}: {decision.action_type}" for decision in standing]
        overruled = len(decisions) - len(standing)
        return {
            "actions": actions,
            "overruled": overruled,
            "confidence_score": round(fmean([d.confidence_score for d in standing] or [0.0]), 3),
            "rationale": f"{event['event_type']} ({event['intensity']}): {len(standing)} of {len(decisions)} decisions "
            f"stand, {len(resolution['rulings'])} conflicts settled",
        }


orchestrator = RetailOptimizationOrchestrator([inventory_agent, pricing_agent, promotion_agent])
