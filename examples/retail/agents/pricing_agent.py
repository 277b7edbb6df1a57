"""The pricing agent: measures elasticity, watches competitors, sets prices and markdowns."""

from __future__ import annotations

from typing import Any

from strands import tool
from strands.models import Model

from retail.agents.base import RetailAgent
from retail.agents.memory import agent_memory
from retail.models import Decision
from retail.skills import history
from retail.skills import pricing as skills


class PricingAgent(RetailAgent):
    """Decides on prices: raise, lower, hold or mark down."""

    agent_id = "pricing_agent"
    agent_type = "pricing"
    instructions = "You set the prices of a retailer. Seek profit, stay near the market, never sell below cost."

    def __init__(self, model: Model | None = None) -> None:
        """Register the pricing tools."""
        super().__init__(
            tools=[
                self.analyze_demand_elasticity,
                self.calculate_optimal_price,
                self.apply_markdown_strategy,
                self.evaluate_price_impact,
                self.get_competitor_prices,
                self.retrieve_pricing_history,
            ],
            model=model,
        )

    @tool
    def analyze_demand_elasticity(self, product_id: str, price_history: list[dict[str, Any]]) -> dict[str, Any]:
        """Measure how demand answers to price, by a log-log regression.

        Args:
            product_id: The product.
            price_history: Points with price and units, at least three.
        """
        return skills.measure_elasticity(product_id, price_history)

    @tool
    def calculate_optimal_price(
        self, product_data: dict[str, Any], market_conditions: dict[str, Any]
    ) -> dict[str, Any]:
        """Calculate the price with the best profit near the market.

        Args:
            product_data: The product's facts, with price and cost.
            market_conditions: competitor_average and demand_index.
        """
        return skills.choose_price(product_data, market_conditions)

    @tool
    def apply_markdown_strategy(self, product_data: dict[str, Any], urgency_level: str) -> dict[str, Any]:
        """Choose a markdown by how much of the stock has sold through.

        Args:
            product_data: The product's facts.
            urgency_level: low, medium, high or critical.
        """
        return skills.mark_down(product_data, urgency_level)

    @tool
    def evaluate_price_impact(self, product_id: str, proposed_price: float, context: dict[str, Any]) -> dict[str, Any]:
        """Evaluate what a proposed price would do to revenue and profit over 30 days.

        Args:
            product_id: The product.
            proposed_price: The price to evaluate.
            context: Why it is proposed; product_data in it replaces the catalogue's facts.
        """
        return skills.judge_price(product_id, proposed_price, context)

    @tool
    def get_competitor_prices(self, product_id: str, category: str) -> dict[str, Any]:
        """Get what competitors ask for a product.

        Args:
            product_id: The product.
            category: The category whose feed to read.
        """
        return skills.compare_competitors(product_id, category)

    @tool
    def retrieve_pricing_history(self, product_id: str, days: int = 30) -> dict[str, Any]:
        """Recall how past pricing decisions on a product turned out.

        Args:
            product_id: The product.
            days: How far to look back.
        """
        return history.review_pricing(product_id, agent_memory.retrieve_decisions(self.agent_id, product_id, days))

    def make_pricing_decision(self, situation: str, context: dict[str, Any]) -> Decision:
        """Decide on a price in a situation, by letting the model choose and call the tools."""
        return self.conclude(self.ask(self.write_prompt(situation, context)), context)

    def make_decision(self, situation: str, context: dict[str, Any]) -> Decision:
        """Decide on a price."""
        return self.make_pricing_decision(situation, context)

    def fall_back(self, tool: str, context: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Price against our own price while competitors are unknown, or keep the price."""
        product = context.get("product_data", {})
        if tool == "get_competitor_prices" and product.get("price"):
            arguments = {"product_data": product, "market_conditions": {"competitor_average": product["price"]}}
            return "use_own_price_as_market", self.calculate_optimal_price(**arguments)
        return "keep_price", {"price": product.get("price")}


pricing_agent = PricingAgent()
