"""The promotion agent: flash sales, bundles, campaigns, and what people say about the products."""

from __future__ import annotations

from typing import Any

from strands import tool
from strands.models import Model

from retail.agents.base import RetailAgent
from retail.agents.memory import agent_memory
from retail.agents.pricing_agent import pricing_agent
from retail.catalog import list_products
from retail.failures import describe_failure
from retail.models import Decision
from retail.skills import history
from retail.skills import promotion as skills


class PromotionAgent(RetailAgent):
    """Decides on promotions: flash sales, bundles and campaigns."""

    agent_id = "promotion_agent"
    agent_type = "promotion"
    instructions = "You run the promotions of a retailer. Promote what is in stock and what people like."

    def __init__(self, model: Model | None = None) -> None:
        """Register the promotion tools."""
        super().__init__(
            tools=[
                self.create_flash_sale,
                self.generate_bundle_recommendation,
                self.analyze_social_sentiment,
                self.schedule_promotional_campaign,
                self.evaluate_campaign_effectiveness,
                self.coordinate_with_pricing_agent,
                self.validate_inventory_availability,
                self.retrieve_promotion_history,
            ],
            model=model,
        )

    @tool
    def create_flash_sale(
        self, product_data: dict[str, Any], duration_hours: int = 24, target_audience: str = "all customers"
    ) -> dict[str, Any]:
        """Plan a flash sale by how long the stock would last without it.

        Args:
            product_data: The product's facts.
            duration_hours: How long the sale runs.
            target_audience: Who is told about it.
        """
        return skills.plan_flash_sale(product_data, duration_hours, target_audience)

    @tool
    def generate_bundle_recommendation(
        self, anchor_product: dict[str, Any], available_products: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """Recommend a bundle of products that are bought together more often than by chance.

        Args:
            anchor_product: The facts of the product to build on.
            available_products: Candidates with price, cost, stock and basket counts.
        """
        return skills.recommend_bundle(anchor_product, available_products)

    @tool
    def analyze_social_sentiment(self, category: str, keywords: list[str], hours: int = 48) -> dict[str, Any]:
        """Analyze what people say about a category.

        Args:
            category: The product category.
            keywords: Words that a relevant post contains.
            hours: How far to look back, at most 168.
        """
        return skills.read_sentiment(category, keywords, hours)

    @tool
    def schedule_promotional_campaign(self, campaign_data: dict[str, Any]) -> dict[str, Any]:
        """Schedule a campaign in phases.

        Args:
            campaign_data: parameters (budget, days) and target_criteria.
        """
        return skills.schedule_campaign(campaign_data)

    @tool
    def evaluate_campaign_effectiveness(self, campaign_id: str, performance_data: dict[str, Any]) -> dict[str, Any]:
        """Evaluate what a campaign brought in.

        Args:
            campaign_id: The campaign.
            performance_data: revenue, spend, conversions and impressions.
        """
        return skills.judge_campaign(campaign_id, performance_data)

    @tool
    def coordinate_with_pricing_agent(self, coordination_request: dict[str, Any]) -> dict[str, Any]:
        """Ask the pricing agent's tools for a price on each product of a promotion.

        Args:
            coordination_request: products, the facts of each, and market_conditions.
        """
        market = coordination_request.get("market_conditions", {})
        results: list[dict[str, Any]] = []
        for product in coordination_request.get("products", []):
            arguments = {"product_data": product, "market_conditions": market}
            price = pricing_agent.calculate_optimal_price(**arguments)
            results.append({"product_id": product.get("product_id"), "agreed": describe_failure(price) is None} | price)
        if not results:
            return {"status": "failed", "overall_status": "failed", "error": "no products to coordinate prices for"}
        agreed = sum(result["agreed"] for result in results)
        overall = "coordinated" if agreed == len(results) else "partial"
        return {
            "overall_status": overall,
            "coordination_results": results,
            "success_rate": round(agreed / len(results), 3),
        }

    @tool
    def validate_inventory_availability(self, product_requirements: list[dict[str, Any]]) -> dict[str, Any]:
        """Check whether the stock covers what a promotion needs.

        Args:
            product_requirements: product_id and units of each product.
        """
        return skills.check_availability(product_requirements)

    @tool
    def retrieve_promotion_history(
        self, product_id: str, campaign_type: str = "flash_sale", days: int = 60
    ) -> dict[str, Any]:
        """Recall how past promotions of a product turned out.

        Args:
            product_id: The product.
            campaign_type: flash_sale, bundle or campaign.
            days: How far to look back.
        """
        decisions = agent_memory.retrieve_decisions(self.agent_id, product_id, days, campaign_type)
        return history.review_promotion(product_id, decisions)

    def make_promotion_decision(self, situation: str, context: dict[str, Any]) -> Decision:
        """Decide on a promotion in a situation, by letting the model choose and call the tools."""
        return self.conclude(self.ask(self.write_prompt(situation, context)), context)

    def make_decision(self, situation: str, context: dict[str, Any]) -> Decision:
        """Decide on a promotion."""
        return self.make_promotion_decision(situation, context)

    def fall_back(self, tool: str, context: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Leave out products that the catalogue lacks, wait for figures of a campaign, or promote nothing."""
        if tool == "validate_inventory_availability":
            known = [need for need in context["product_requirements"] if need["product_id"] in list_products()]
            arguments: dict[str, Any] = {"product_requirements": known}
            return "drop_unknown_products", self.validate_inventory_availability(**arguments)
        if tool == "evaluate_campaign_effectiveness":
            return "await_performance_data", {"campaign_id": context.get("campaign_id")}
        return "skip_promotion", {"products": context.get("products", [])}


promotion_agent = PromotionAgent()
