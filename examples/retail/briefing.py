"""The facts that agents are briefed with: what a trigger says, filled up from the catalogue."""

from __future__ import annotations

from typing import Any

from retail.catalog import find_product, list_companions, list_price_history, list_products
from retail.models import Trigger

SMALL_CAMPAIGN = {"parameters": {"budget": 500, "days": 10}, "target_criteria": {"region": "all"}}
CONTACT_FIELDS = ("note", "contact_email", "contact_phone", "supplier_api_key")
OVERRIDES = (
    "service_level", "forecast_days", "threshold_days", "keywords", "hours", "duration_hours", "target_audience",
    "campaign_data", "campaign_id", "performance_data", "campaign_type", "days",
)  # fmt: skip


def brief(trigger: Trigger) -> dict[str, Any]:
    """Gather what an agent needs to know about a trigger; the keys are the arguments of the agents' tools."""
    conditions = trigger.conditions
    market = {"demand_index": conditions["demand_index"], "competitor_average": conditions["competitor_average"]}
    common: dict[str, Any] = {
        "trigger_id": trigger.trigger_id,
        "products": trigger.products,
        "urgency_level": trigger.intensity,
        "market_conditions": market,
        "context": {"reason": trigger.trigger_type, "intensity": trigger.intensity},
        "inventory_data": [strip(facts) for facts in list_facts(conditions.get("review", trigger.products))],
        "product_requirements": [
            {"product_id": product, "units": conditions.get("units_needed", 40)} for product in trigger.products
        ],
    }
    common |= {key: conditions[key] for key in CONTACT_FIELDS + OVERRIDES if key in conditions}
    common.setdefault("campaign_data", SMALL_CAMPAIGN)
    facts = common | describe(trigger.products[0], conditions.get("product_overrides", {}))
    facts.setdefault("keywords", facts["product_data"]["name"].lower().split()[:2])
    facts["product_data"]["stock"] = conditions["shelf_stock"]
    facts["product_data"] |= conditions.get("product_overrides", {})
    if "note" in conditions:
        facts["product_data"]["supplier_note"] = conditions["note"]
    facts["coordination_request"] = {"products": [facts["product_data"]], "market_conditions": market}
    return facts


def describe(product_id: str, overrides: dict[str, Any]) -> dict[str, Any]:
    """Return the facts about one product under the names that tools ask for."""
    product = find_product(product_id) | overrides
    return {
        "product_id": product_id,
        "category": product["category"],
        "product_data": product,
        "anchor_product": strip(product),
        "available_products": list_companions(product_id),
        "price_history": list_price_history(product_id),
    }


def focus(facts: dict[str, Any], product_id: str) -> dict[str, Any]:
    """Turn a briefing to another product; prices of competitors are then unknown.

    Raises:
        KeyError: the catalogue has no such product.
    """
    market = {key: value for key, value in facts["market_conditions"].items() if key != "competitor_average"}
    return facts | describe(product_id, {}) | {"products": [product_id], "market_conditions": market}


def list_facts(product_ids: list[str]) -> list[dict[str, Any]]:
    """Return the facts of those products that the catalogue has."""
    return [find_product(product_id) for product_id in product_ids if product_id in list_products()]


def strip(product: dict[str, Any]) -> dict[str, Any]:
    """Leave out the sales history, which only single-product tools need."""
    return {key: value for key, value in product.items() if key != "daily_demand"}
