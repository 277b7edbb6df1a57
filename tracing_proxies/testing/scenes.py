"""The kinds of triggers of an invented shop, and which agents, tools and workflows each of them sets going."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import attrs

Source: TypeAlias = Literal["pricing", "inventory", "promotion", "orchestrator", "collaboration"]


@attrs.frozen
class Tool:
    """A tool: the class that it is a method of, what it is asked, and what its answer holds.

    Args:
        asked: names of its arguments, each with the kind of its value.
        answers: keys of its result, each with the kind of its value.
        confidence: the key of its result that holds its confidence, None where it has none.
        milliseconds: the median of its duration.
    """

    owner: str
    asked: dict[str, str]
    answers: dict[str, str]
    confidence: str | None
    milliseconds: float


@attrs.frozen
class Scene:
    """How a kind of trigger unfolds.

    Args:
        source: who watches for it.
        agents: who decides, in turn; the orchestrator asks the others.
        tools: what they choose from.
        actions: the decisions that they may come to.
        workflows: the collaborations that follow.
        weight: how frequent it is among all triggers, by default.
    """

    source: Source
    agents: tuple[str, ...]
    tools: tuple[str, ...]
    actions: tuple[str, ...]
    workflows: tuple[str, ...] = ()
    weight: float = 1.0


_PRODUCT: Final = {"product_data": "product"}

TOOLS: Final[dict[str, Tool]] = {
    "forecast_demand_probabilistic": Tool(
        "inventory_agent",
        {**_PRODUCT, "forecast_days": "days"},
        {"total_expected_demand": "count", "daily_expected_demand": "amount", "forecast_accuracy": "share"},
        "confidence_level",
        38.0,
    ),
    "calculate_safety_buffer": Tool(
        "inventory_agent",
        {**_PRODUCT, "service_level": "share"},
        {"safety_stock": "count", "reorder_point": "count", "economic_order_quantity": "count"},
        None,
        6.0,
    ),
    "generate_restock_alert": Tool(
        "inventory_agent",
        {**_PRODUCT, "urgency_level": "urgency"},
        {"recommended_quantity": "count", "total_cost": "money", "stockout_risk": "share", "rationale": "reason"},
        None,
        9.0,
    ),
    "identify_slow_moving_inventory": Tool(
        "inventory_agent",
        {"inventory_data": "products", "threshold_days": "days"},
        {"slow_moving_count": "count", "total_slow_moving_value": "money"},
        None,
        21.0,
    ),
    "analyze_demand_elasticity": Tool(
        "pricing_agent",
        {"product_id": "name", "price_history": "prices"},
        {"elasticity_coefficient": "elasticity", "recommendation": "reason"},
        "confidence",
        17.0,
    ),
    "calculate_optimal_price": Tool(
        "pricing_agent",
        {**_PRODUCT, "market_conditions": "market"},
        {"optimal_price": "money", "price_change_percentage": "change", "rationale": "reason"},
        "confidence_score",
        24.0,
    ),
    "apply_markdown_strategy": Tool(
        "pricing_agent",
        {**_PRODUCT, "urgency_level": "urgency"},
        {"markdown_percentage": "change", "markdown_price": "money", "rationale": "reason"},
        None,
        8.0,
    ),
    "get_competitor_prices": Tool(
        "pricing_agent", {"product_id": "name", "category": "category"}, {"market_stats": "market"}, None, 120.0
    ),
    "create_flash_sale": Tool(
        "promotion_agent",
        {**_PRODUCT, "duration_hours": "days", "target_audience": "audience"},
        {"discount_percentage": "change", "flash_sale_price": "money", "expected_units_sold": "count"},
        "success_probability",
        14.0,
    ),
    "generate_bundle_recommendation": Tool(
        "promotion_agent",
        {"anchor_product": "product", "available_products": "products"},
        {"bundle_price": "money", "average_affinity_score": "share"},
        "recommendation_strength",
        27.0,
    ),
    "analyze_social_sentiment": Tool(
        "promotion_agent",
        {"category": "category", "keywords": "keywords", "hours": "days"},
        {"overall_sentiment": "share", "rationale": "reason"},
        "confidence_score",
        95.0,
    ),
    "validate_inventory_availability": Tool(
        "promotion_agent", {"product_requirements": "products"}, {"overall_availability": "share"}, None, 11.0
    ),
}
"""The tools by name."""

_STOCK = ("forecast_demand_probabilistic", "calculate_safety_buffer", "generate_restock_alert")
_PRICE = ("get_competitor_prices", "analyze_demand_elasticity", "calculate_optimal_price")
_OFFER = ("analyze_social_sentiment", "create_flash_sale", "generate_bundle_recommendation")
_INVENTORY, _PRICING, _PROMOTION = "inventory_agent", "pricing_agent", "promotion_agent"
_ALL = (_INVENTORY, _PRICING, _PROMOTION)

SCENES: Final[dict[str, Scene]] = {
    "demand_spike": Scene("pricing", (_PRICING, _INVENTORY), _PRICE + _STOCK, ("raise_price", "hold_price"), (), 8),
    "competitor_price_change": Scene(
        "pricing", (_PRICING, _PROMOTION), _PRICE, ("match_price", "hold_price"), ("pricing_to_promotion",), 6
    ),
    "slow_moving_inventory": Scene(
        "pricing",
        (_PRICING, _INVENTORY),
        ("identify_slow_moving_inventory", "apply_markdown_strategy", "analyze_demand_elasticity"),
        ("mark_down", "hold_price"),
        ("inventory_to_pricing",),
        3,
    ),
    "seasonal_analysis": Scene("pricing", (_PRICING,), _PRICE, ("raise_price", "lower_price"), (), 2),
    "market_research": Scene("pricing", (_PRICING,), ("get_competitor_prices",), ("no_action",), (), 4),
    "stock_alert": Scene("inventory", (_INVENTORY, _PRICING), _STOCK, ("restock", "expedite_order"), (), 10),
    "demand_forecast_update": Scene("inventory", (_INVENTORY,), _STOCK[:1], ("set_reorder_point",), (), 8),
    "safety_buffer_breach": Scene("inventory", (_INVENTORY,), _STOCK, ("restock", "set_reorder_point"), (), 4),
    "pattern_analysis": Scene("inventory", (_INVENTORY,), _STOCK[:2], ("no_action",), (), 3),
    "optimization_review": Scene(
        "inventory", (_INVENTORY,), ("identify_slow_moving_inventory",), ("set_reorder_point", "no_action"), (), 1
    ),
    "social_trend": Scene("promotion", (_PROMOTION, _INVENTORY), _OFFER, ("flash_sale", "no_action"), (), 4),
    "bundle_opportunity": Scene(
        "promotion", (_PROMOTION,), ("generate_bundle_recommendation",), ("create_bundle", "no_action"), (), 3
    ),
    "seasonal_promotion": Scene(
        "promotion", (_PROMOTION,), _OFFER, ("schedule_campaign",), ("promotion_to_inventory",), 2
    ),
    "agent_coordination": Scene("promotion", (_PROMOTION, _PRICING), _PRICE + _OFFER, ("align_prices",), (), 2),
    "performance_review": Scene(
        "promotion", (_PROMOTION,), ("validate_inventory_availability",), ("no_action", "stop_campaign"), (), 1
    ),
    "multi_category_event": Scene(
        "orchestrator", _ALL, _STOCK + _PRICE + _OFFER, ("respond", "watch"), ("market_event_response",), 2
    ),
    "compliance_check": Scene("orchestrator", (_INVENTORY, _PROMOTION), _STOCK[1:], ("withdraw", "no_action"), (), 1),
    "system_monitoring": Scene("orchestrator", (_INVENTORY,), _STOCK[:1], ("no_action",), (), 5),
    "cross_category_learning": Scene("collaboration", _ALL, _STOCK, ("share",), ("cross_agent_learning",), 1),
    "influencer_campaign": Scene(
        "collaboration",
        (_PROMOTION, _PRICING, _INVENTORY),
        _OFFER + _PRICE,
        ("schedule_campaign", "flash_sale"),
        ("pricing_to_promotion", "promotion_to_inventory"),
        1,
    ),
    "market_event_coordination": Scene(
        "collaboration",
        _ALL,
        _STOCK + _PRICE,
        ("respond", "watch"),
        ("market_event_response", "inventory_to_pricing"),
        1,
    ),
}
"""The kinds of triggers."""

CHECKS: Final = {_INVENTORY: "stock_check", _PRICING: "price_check", _PROMOTION: "offer_check"}
"""What the orchestrator's messages to each agent are called."""
PRODUCTS: Final = (
    "wireless-earbuds", "espresso-beans-1kg", "oat-milk-6pack", "wool-scarf", "usb-c-charger", "rain-jacket",
    "advent-candles", "garden-lantern", "olive-oil-1l", "smart-plug-4pack", "running-socks", "picnic-set",
)  # fmt: skip
