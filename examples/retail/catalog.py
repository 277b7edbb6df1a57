"""The catalogue: products with their sales and price history, baskets, competitors and social posts."""

from __future__ import annotations

import copy
import json
from functools import lru_cache
from importlib import resources
from random import Random
from typing import Any

HISTORY_DAYS = 28
PRICE_STEPS = (0.88, 0.92, 0.96, 1.0, 1.03, 1.06, 1.1, 1.15)
HOLDING_COST_RATE = 0.25


@lru_cache(maxsize=1)
def _load() -> dict[str, Any]:
    text = resources.files("retail").joinpath("catalog.json").read_text(encoding="utf-8")
    shelf: dict[str, Any] = json.loads(text)
    shelf["products"] = {entry["product_id"]: _describe(entry) for entry in shelf["products"]}
    return shelf


def _describe(entry: dict[str, Any]) -> dict[str, Any]:
    """Give a catalogue entry its sales history, drawn once from a generator seeded by its own id."""
    dice = Random(f"sales:{entry['product_id']}")
    weekly = (1.0, 0.9, 0.9, 1.0, 1.1, 1.3, 0.8)
    demand = [
        max(0, round(entry["mean_demand"] * weekly[day % 7] + dice.gauss(0, entry["spread"])))
        for day in range(HISTORY_DAYS)
    ]
    prices = [
        {
            "price": round(entry["price"] * step, 2),
            "units": round(entry["mean_demand"] * 7 * step ** entry["elasticity"] * dice.uniform(0.95, 1.05), 1),
        }
        for step in PRICE_STEPS
    ]
    return {
        "facts": {
            "product_id": entry["product_id"],
            "name": entry["name"],
            "category": entry["category"],
            "price": entry["price"],
            "cost": entry["cost"],
            "stock": entry["stock"],
            "lead_time_days": entry["lead_time_days"],
            "order_cost": entry["order_cost"],
            "holding_cost_rate": HOLDING_COST_RATE,
            "days_since_last_sale": entry["idle_days"],
            "daily_demand": demand,
        },
        "price_history": prices,
    }


def list_products() -> list[str]:
    """List the ids of all products, in catalogue order."""
    return list(_load()["products"])


def find_product(product_id: str) -> dict[str, Any]:
    """Return a copy of a product's facts.

    Raises:
        KeyError: the catalogue has no such product.
    """
    products = _load()["products"]
    if product_id not in products:
        raise KeyError(f"no product '{product_id}' in the catalogue")
    return copy.deepcopy(products[product_id]["facts"])


def list_price_history(product_id: str) -> list[dict[str, float]]:
    """Return the weekly units a product sold at each price, an empty list for an unknown product."""
    product = _load()["products"].get(product_id)
    return copy.deepcopy(product["price_history"]) if product else []


def list_competitors(category: str) -> dict[str, float]:
    """Return each competitor's price level relative to ours.

    Raises:
        KeyError: nobody watches that category.
    """
    feeds = _load()["competitors"]
    if category not in feeds:
        raise KeyError(f"no competitor feed for category '{category}'")
    return dict(feeds[category])


def list_posts(category: str, hours: int) -> list[dict[str, Any]]:
    """Return the social posts on a category within the last hours, newest first."""
    posts = [post for post in _load()["posts"] if post["category"] == category and post["hours_ago"] <= hours]
    return sorted(posts, key=lambda post: post["hours_ago"])


def count_baskets(anchor_id: str, other_id: str) -> dict[str, int]:
    """Count the baskets with the anchor, with the other product, with both, and all of them."""
    baskets = _load()["baskets"]
    return {
        "baskets_total": len(baskets),
        "baskets_with_anchor": sum(anchor_id in basket for basket in baskets),
        "baskets_with_product": sum(other_id in basket for basket in baskets),
        "baskets_together": sum(anchor_id in basket and other_id in basket for basket in baskets),
    }


def list_companions(anchor_id: str) -> list[dict[str, Any]]:
    """Return the products that were bought together with the anchor, with their basket counts."""
    companions = []
    for product_id in list_products():
        counts = count_baskets(anchor_id, product_id)
        if product_id != anchor_id and counts["baskets_together"]:
            facts = find_product(product_id)
            companions.append({key: facts[key] for key in ("product_id", "price", "cost", "stock")} | counts)
    return companions
