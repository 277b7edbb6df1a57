"""Which tools the offline model calls in a situation, turn by turn, and which of them decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Plan:
    """Turns of tools that are called in parallel; the decisive tool's outcome becomes the decision."""

    turns: tuple[tuple[str, ...], ...]
    decisive: str


PLANS = {
    "stock_alert": Plan(
        (("forecast_demand_probabilistic", "calculate_safety_buffer"), ("generate_restock_alert",)),
        "generate_restock_alert",
    ),
    "demand_forecast_update": Plan(
        (("forecast_demand_probabilistic", "analyze_demand_patterns", "retrieve_inventory_history"),),
        "forecast_demand_probabilistic",
    ),
    "safety_buffer_breach": Plan(
        (("calculate_safety_buffer", "forecast_demand_probabilistic"), ("generate_restock_alert",)),
        "calculate_safety_buffer",
    ),
    "pattern_analysis": Plan(
        (("analyze_demand_patterns", "forecast_demand_probabilistic"),), "analyze_demand_patterns"
    ),
    "optimization_review": Plan(
        (("identify_slow_moving_inventory", "retrieve_inventory_history", "calculate_safety_buffer"),),
        "identify_slow_moving_inventory",
    ),
    "demand_spike": Plan(
        (
            ("analyze_demand_elasticity", "get_competitor_prices"),
            ("calculate_optimal_price",),
            ("evaluate_price_impact",),
        ),
        "calculate_optimal_price",
    ),
    "competitor_price_change": Plan(
        (("get_competitor_prices", "retrieve_pricing_history"), ("calculate_optimal_price",)), "calculate_optimal_price"
    ),
    "slow_moving_inventory": Plan(
        (("analyze_demand_elasticity", "retrieve_pricing_history"), ("apply_markdown_strategy",)),
        "apply_markdown_strategy",
    ),
    "seasonal_analysis": Plan(
        (
            ("analyze_demand_elasticity", "retrieve_pricing_history", "calculate_optimal_price"),
            ("evaluate_price_impact",),
        ),
        "calculate_optimal_price",
    ),
    "market_research": Plan((("get_competitor_prices", "analyze_demand_elasticity"),), "get_competitor_prices"),
    "social_trend": Plan(
        (("analyze_social_sentiment", "retrieve_promotion_history"), ("create_flash_sale",)), "create_flash_sale"
    ),
    "bundle_opportunity": Plan(
        (("generate_bundle_recommendation", "validate_inventory_availability"),), "generate_bundle_recommendation"
    ),
    "seasonal_promotion": Plan(
        (("analyze_social_sentiment", "validate_inventory_availability"), ("schedule_promotional_campaign",)),
        "schedule_promotional_campaign",
    ),
    "agent_coordination": Plan(
        (("coordinate_with_pricing_agent", "validate_inventory_availability"),), "coordinate_with_pricing_agent"
    ),
    "performance_review": Plan(
        (("evaluate_campaign_effectiveness", "retrieve_promotion_history"),), "evaluate_campaign_effectiveness"
    ),
    "stock_check": Plan((("forecast_demand_probabilistic", "calculate_safety_buffer"),), "calculate_safety_buffer"),
    "price_check": Plan((("analyze_demand_elasticity", "calculate_optimal_price"),), "calculate_optimal_price"),
    "promotion_check": Plan((("analyze_social_sentiment", "create_flash_sale"),), "create_flash_sale"),
    "availability_check": Plan(
        (("validate_inventory_availability", "retrieve_promotion_history"),), "validate_inventory_availability"
    ),
    "clearance_pricing": Plan((("apply_markdown_strategy", "retrieve_pricing_history"),), "apply_markdown_strategy"),
    "campaign_planning": Plan(
        (("analyze_social_sentiment", "schedule_promotional_campaign"),), "schedule_promotional_campaign"
    ),
    "campaign_stock": Plan((("forecast_demand_probabilistic", "generate_restock_alert"),), "generate_restock_alert"),
    "inventory_learning": Plan(
        (("retrieve_inventory_history", "analyze_demand_patterns"),), "retrieve_inventory_history"
    ),
    "pricing_learning": Plan((("retrieve_pricing_history", "analyze_demand_elasticity"),), "retrieve_pricing_history"),
    "promotion_learning": Plan(
        (("retrieve_promotion_history", "analyze_social_sentiment"),), "retrieve_promotion_history"
    ),
}


def choose_plan(situation: str, tool_specs: list[dict[str, Any]], facts: dict[str, Any]) -> Plan:
    """Return the plan for a situation; for an unknown one, the first two tools whose arguments are known."""
    known = PLANS.get(situation)
    offered = {spec["name"] for spec in tool_specs}
    if known and known.decisive in offered:
        return known
    usable = [spec["name"] for spec in tool_specs if fill_arguments(spec, facts) is not None][:2]
    return Plan((tuple(usable),), usable[0]) if usable else Plan((), "")


def fill_arguments(spec: dict[str, Any], facts: dict[str, Any]) -> dict[str, Any] | None:
    """Take a tool's arguments from the facts by name; None if a required one is unknown."""
    schema = spec["inputSchema"]["json"]
    arguments = {name: facts[name] for name in schema.get("properties", {}) if name in facts}
    return arguments if all(name in arguments for name in schema.get("required", [])) else None


def learn_facts(facts: dict[str, Any], outcomes: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    """Add what tools found out to the facts that later tools take as arguments."""
    learned = dict(facts)
    for _, outcome in outcomes:
        if "market_stats" in outcome:
            learned["market_conditions"] = learned.get("market_conditions", {}) | {
                "competitor_average": outcome["market_stats"]["average"]
            }
        if "optimal_price" in outcome:
            learned["proposed_price"] = outcome["optimal_price"]
    return learned
