"""The five workflows in which agents build on each other's work, by messages that go out together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from statistics import fmean
from typing import Any

from retail.agents.inventory_agent import inventory_agent
from retail.agents.pricing_agent import pricing_agent
from retail.agents.promotion_agent import promotion_agent
from retail.briefing import focus, list_facts
from retail.models import AgentMessage, MessageReceipt

Send = Callable[[AgentMessage], Awaitable[MessageReceipt]]
LEARNERS = {
    "inventory_agent": "inventory_learning",
    "pricing_agent": "pricing_learning",
    "promotion_agent": "promotion_learning",
}
REACTIONS = {"inventory_agent": "stock_check", "pricing_agent": "price_check", "promotion_agent": "promotion_check"}


class CollaborationWorkflow:
    """Runs workflows between agents; each returns its outcome with the participants, messages and status."""

    def __init__(self, send: Send) -> None:
        """Use `send` to deliver a message and wait for the recipient's decision."""
        self._send = send

    async def _exchange(self, messages: list[AgentMessage]) -> list[MessageReceipt]:
        return list(await asyncio.gather(*(self._send(message) for message in messages)))

    async def inventory_to_pricing(self, data: dict[str, Any]) -> dict[str, Any]:
        """Let inventory name what does not sell and pricing mark it down."""
        inventory = data["facts"]["inventory_data"]
        review = inventory_agent.identify_slow_moving_inventory(**{"inventory_data": inventory})
        slow = review.get("slow_moving_items", [])
        receipts = await self._exchange(
            [
                AgentMessage("inventory_agent", "pricing_agent", "clearance_pricing", focus(data["facts"], product))
                for product in slow
            ]
        )
        oldest = max((item["days_since_last_sale"] for item in inventory), default=0)
        return report(
            ("inventory_agent", "pricing_agent"),
            receipts,
            items_processed=len(slow),
            pricing_recommendations=summarize(receipts),
            urgency_level="high" if oldest > 60 else "medium" if slow else "low",
        )

    async def pricing_to_promotion(self, data: dict[str, Any]) -> dict[str, Any]:
        """Let pricing value a five per cent cut on each product and promotion plan campaigns where it pays."""
        impacts = {}
        for product in list_facts(data["products"]):
            arguments = {
                "product_id": product["product_id"],
                "proposed_price": round(product["price"] * 0.95, 2),
                "context": {"reason": "opportunity", "product_data": product},
            }
            impacts[product["product_id"]] = pricing_agent.evaluate_price_impact(**arguments)
        receipts = await self._exchange(
            [
                AgentMessage("pricing_agent", "promotion_agent", "campaign_planning", focus(data["facts"], product))
                for product in impacts
            ]
        )
        return report(
            ("pricing_agent", "promotion_agent"),
            receipts,
            opportunities_processed=len(impacts),
            campaign_recommendations=summarize(receipts),
            total_potential_impact=round(sum(impact["revenue_impact"] for impact in impacts.values()), 2),
        )

    async def promotion_to_inventory_validation(self, data: dict[str, Any]) -> dict[str, Any]:
        """Let promotion propose what it would sell and inventory say whether the stock carries it."""
        needs = data["facts"]["product_requirements"]
        checked = promotion_agent.validate_inventory_availability(**{"product_requirements": needs})
        feasible = [result["product_id"] for result in checked["validation_results"] if result["sufficient"]]
        receipts = await self._exchange(
            [
                AgentMessage(
                    "promotion_agent", "inventory_agent", "campaign_stock", focus(data["facts"], need["product_id"])
                )
                for need in needs
            ]
        )
        return report(
            ("promotion_agent", "inventory_agent"),
            receipts,
            campaigns_validated=len(needs),
            feasible_campaigns=feasible,
            total_stock_required=sum(need["units"] for need in needs),
            stock_advice=summarize(receipts),
        )

    async def cross_agent_learning(self, data: dict[str, Any]) -> dict[str, Any]:
        """Let every agent look back and share what it learned."""
        receipts = await self._exchange(
            [AgentMessage("orchestrator", agent, situation, data["facts"]) for agent, situation in LEARNERS.items()]
        )
        decisions = [receipt.decision for receipt in receipts if receipt.decision]
        lessons = ("learning_recommendations", "insights", "best_practices")
        return report(
            LEARNERS,
            receipts,
            shared_insights=[f"{d.agent_id}: success rate {d.parameters.get('success_rate')}" for d in decisions],
            learning_recommendations=[
                lesson for decision in decisions for key in lessons for lesson in decision.parameters.get(key, [])
            ],
        )

    async def market_event_response(self, data: dict[str, Any]) -> dict[str, Any]:
        """Let all agents react to one event at once and agree on a strategy."""
        receipts = await self._exchange(
            [AgentMessage("orchestrator", agent, check, data["facts"]) for agent, check in REACTIONS.items()]
        )
        decisions = [receipt.decision for receipt in receipts if receipt.decision]
        raises = any(decision.action_type == "raise_price" for decision in decisions)
        return report(
            REACTIONS,
            receipts,
            response_strategy="protect_margin" if raises else "win_volume",
            agent_action_plans={decision.agent_id: decision.action_type for decision in decisions},
            confidence_score=round(fmean([decision.confidence_score for decision in decisions] or [0.0]), 3),
        )


def summarize(receipts: list[MessageReceipt]) -> list[dict[str, Any]]:
    """Put each decision that came back in one line: products, action and confidence."""
    return [
        {
            "products": receipt.decision.product_ids,
            "action": receipt.decision.action_type,
            "confidence": receipt.decision.confidence_score,
        }
        for receipt in receipts
        if receipt.decision
    ]


def report(participants: Iterable[str], receipts: list[MessageReceipt], **outcome: Any) -> dict[str, Any]:
    """Add the participants, the messages and a status to a workflow's outcome."""
    troubled = any(not receipt.decision or receipt.decision.status in ("error", "recovered") for receipt in receipts)
    messages = [
        {
            "sender": receipt.sender,
            "recipient": receipt.recipient,
            "message_type": receipt.message_type,
            "status": receipt.status,
        }
        for receipt in receipts
    ]
    status = "completed_with_errors" if troubled else "completed"
    return {"status": status, "participants": list(participants), "messages": messages} | outcome
