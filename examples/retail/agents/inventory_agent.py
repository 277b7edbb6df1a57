"""The inventory agent: forecasts demand, sizes buffers, raises restock alerts, finds what does not sell."""

from __future__ import annotations

from typing import Any

from strands import tool
from strands.models import Model

from retail.agents.base import RetailAgent
from retail.agents.memory import agent_memory
from retail.catalog import find_product, list_products
from retail.models import Decision
from retail.skills import history
from retail.skills import inventory as skills

HIGHEST_SERVICE_LEVEL = 0.995


class InventoryAgent(RetailAgent):
    """Decides on stock: what to order, how much to hold back, what to clear."""

    agent_id = "inventory_agent"
    agent_type = "inventory"
    instructions = "You run the inventory of a retailer. Avoid stock-outs without tying up cash."

    def __init__(self, model: Model | None = None) -> None:
        """Register the inventory tools."""
        super().__init__(
            tools=[
                self.forecast_demand_probabilistic,
                self.calculate_safety_buffer,
                self.generate_restock_alert,
                self.identify_slow_moving_inventory,
                self.analyze_demand_patterns,
                self.retrieve_inventory_history,
            ],
            model=model,
        )

    @tool
    def forecast_demand_probabilistic(self, product_data: dict[str, Any], forecast_days: int = 30) -> dict[str, Any]:
        """Forecast a product's demand over the coming days.

        Args:
            product_data: The product's facts, with daily_demand, the units sold on each past day.
            forecast_days: How many days ahead.
        """
        return skills.forecast(product_data, forecast_days)

    @tool
    def calculate_safety_buffer(self, product_data: dict[str, Any], service_level: float = 0.95) -> dict[str, Any]:
        """Calculate safety stock, reorder point and economic order quantity.

        Args:
            product_data: The product's facts.
            service_level: The probability of no stock-out during the lead time, between 0 and 1.
        """
        return skills.size_buffer(product_data, service_level)

    @tool
    def generate_restock_alert(self, product_data: dict[str, Any], urgency_level: str) -> dict[str, Any]:
        """Recommend an order quantity and say how pressing it is.

        Args:
            product_data: The product's facts.
            urgency_level: low, medium, high or critical.
        """
        return skills.alert(product_data, urgency_level)

    @tool
    def identify_slow_moving_inventory(
        self, inventory_data: list[dict[str, Any]], threshold_days: int = 30
    ) -> dict[str, Any]:
        """Find the products that have not sold for a while.

        Args:
            inventory_data: The facts of each product.
            threshold_days: Days without a sale after which a product counts as slow.
        """
        return skills.find_slow_movers(inventory_data, threshold_days)

    @tool
    def analyze_demand_patterns(self, product_data: dict[str, Any]) -> dict[str, Any]:
        """Analyze stability, trend and outliers of a product's demand.

        Args:
            product_data: The product's facts.
        """
        return skills.analyze_patterns(product_data)

    @tool
    def retrieve_inventory_history(self, product_id: str, days: int = 60) -> dict[str, Any]:
        """Recall how past inventory decisions on a product turned out.

        Args:
            product_id: The product.
            days: How far to look back.
        """
        return history.review_inventory(product_id, agent_memory.retrieve_decisions(self.agent_id, product_id, days))

    def make_inventory_decision(self, situation: str, context: dict[str, Any]) -> Decision:
        """Decide what to do about stock in a situation, by letting the model choose and call the tools."""
        return self.conclude(self.ask(self.write_prompt(situation, context)), context)

    def make_decision(self, situation: str, context: dict[str, Any]) -> Decision:
        """Decide about stock."""
        return self.make_inventory_decision(situation, context)

    def fall_back(self, tool: str, context: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Cap an impossible service level, borrow a sibling's demand for a product without history, or hold stock."""
        product = context.get("product_data", {})
        if tool == "calculate_safety_buffer" and product.get("daily_demand"):
            arguments: dict[str, Any] = {"product_data": product, "service_level": HIGHEST_SERVICE_LEVEL}
            return "cap_service_level", self.calculate_safety_buffer(**arguments)
        if tool in ("forecast_demand_probabilistic", "analyze_demand_patterns"):
            arguments = {"product_data": find_sibling(product)}
            return "borrow_category_demand", self.forecast_demand_probabilistic(**arguments)
        return "hold_stock", {"stock": product.get("stock")}


def find_sibling(product: dict[str, Any]) -> dict[str, Any]:
    """Return the first other product of the same category, or the first of all."""
    others = [find_product(other) for other in list_products() if other != product.get("product_id")]
    return next((other for other in others if other["category"] == product.get("category")), others[0])


inventory_agent = InventoryAgent()
