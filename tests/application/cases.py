"""The cases of the application's own table of tools, and a model that calls one tool as told."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from strands.models import Model

from retail.agents.inventory_agent import InventoryAgent, inventory_agent
from retail.agents.pricing_agent import PricingAgent, pricing_agent
from retail.agents.promotion_agent import PromotionAgent, promotion_agent
from retail.catalog import find_product, list_companions, list_price_history

AGENTS: dict[str, tuple[Any, Any]] = {
    "inventory": (inventory_agent, InventoryAgent),
    "pricing": (pricing_agent, PricingAgent),
    "promotion": (promotion_agent, PromotionAgent),
}
README = Path(__file__).parents[2] / "examples" / "retail" / "README.md"
_ROW = re.compile(
    r"^\| (inventory|pricing|promotion) \| (\w+) \| `(.+?)` \| `(.+?)` \| (returns|raises) `(.+?)` \|$", re.M
)

OUTCOMES = {
    "forecast_demand_probabilistic": "total_expected_demand daily_expected_demand forecast_method forecast_accuracy",
    "calculate_safety_buffer": "safety_stock reorder_point economic_order_quantity",
    "generate_restock_alert": "recommended_quantity total_cost stockout_risk priority_score rationale",
    "identify_slow_moving_inventory": "slow_moving_count total_slow_moving_value summary_recommendations",
    "analyze_demand_patterns": "demand_stability trend_analysis anomalies_detected",
    "retrieve_inventory_history": "success_rate forecast_accuracy learning_recommendations",
    "analyze_demand_elasticity": "elasticity_coefficient category recommendation confidence",
    "calculate_optimal_price": "optimal_price price_change_percentage expected_demand_change profit_impact_estimate "
    "confidence_score rationale",
    "apply_markdown_strategy": "markdown_percentage markdown_price expected_demand_increase rationale",
    "evaluate_price_impact": "impact_score recommendation revenue_impact profit_impact",
    "get_competitor_prices": "market_stats competitors",
    "retrieve_pricing_history": "total_decisions success_rate insights",
    "create_flash_sale": "discount_percentage flash_sale_price expected_units_sold revenue_impact success_probability",
    "generate_bundle_recommendation": "bundle_price average_affinity_score bundle_feasible recommendation_strength",
    "analyze_social_sentiment": "overall_sentiment sentiment_trend risk_factors confidence_score",
    "schedule_promotional_campaign": "status phases daily_budget expected_metrics",
    "evaluate_campaign_effectiveness": "effectiveness_score success_level recommendations",
    "coordinate_with_pricing_agent": "overall_status coordination_results success_rate",
    "validate_inventory_availability": "overall_availability validation_results",
    "retrieve_promotion_history": "success_rate best_practices",
}
CONFIDENCE = {
    "forecast_demand_probabilistic": "confidence_level",
    "analyze_demand_elasticity": "confidence",
    "calculate_optimal_price": "confidence_score",
    "evaluate_price_impact": "impact_score",
    "create_flash_sale": "success_probability",
    "generate_bundle_recommendation": "recommendation_strength",
    "analyze_social_sentiment": "confidence_score",
}


def read_cases() -> list[tuple[str, ...]]:
    """Read agent, tool, arguments that succeed, arguments that fail, and how they fail."""
    return _ROW.findall(README.read_text(encoding="utf-8"))


def read_arguments(text: str) -> dict[str, Any]:
    """Evaluate the arguments of a case."""
    names = {
        "product": find_product("olive-oil-1l"),
        "points": list_price_history("olive-oil-1l"),
        "companions": list_companions("olive-oil-1l"),
        "without": lambda facts, key: {name: facts[name] for name in facts if name != key},
    }
    return dict(eval(f"dict({text})".replace("\\|", "|"), names))


class OneCall(Model):
    """Calls one tool in its first turn, and ends in its second."""

    def __init__(self, tool: str, arguments: dict[str, Any]) -> None:
        self._tool = tool
        self._arguments = arguments
        self._turn = 0

    def get_config(self) -> Any:
        return {"model_id": "one-call"}

    def update_config(self, **config: Any) -> None:
        raise TypeError("this model has no configuration")

    def structured_output(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("this model has no structured output")

    async def stream(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        self._turn += 1
        yield {"messageStart": {"role": "assistant"}}
        if self._turn == 1:
            yield {"contentBlockStart": {"start": {"toolUse": {"name": self._tool, "toolUseId": "use-1"}}}}
            yield {"contentBlockDelta": {"delta": {"toolUse": {"input": json.dumps(self._arguments)}}}}
        else:
            yield {"contentBlockStart": {"start": {}}}
            yield {"contentBlockDelta": {"delta": {"text": "done"}}}
        yield {"contentBlockStop": {}}
        yield {"messageStop": {"stopReason": "tool_use" if self._turn == 1 else "end_turn"}}
        usage = {"inputTokens": 11, "outputTokens": 7, "totalTokens": 18}
        yield {"metadata": {"usage": usage, "metrics": {"latencyMs": 1}}}
