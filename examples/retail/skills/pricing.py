"""What the pricing tools compute: elasticity, optimal prices, markdowns, impact and competitors."""

from __future__ import annotations

from statistics import fmean
from typing import Any

from retail.arithmetic import price as arithmetic
from retail.catalog import find_product, list_price_history
from retail.feeds import fetch_price_levels

DEFAULT_ELASTICITY = -1.5


def read_elasticity(product_id: str) -> tuple[float, float]:
    """Return a product's elasticity and its fit from the recorded price points, or the default with no fit."""
    points = list_price_history(product_id)
    if not points:
        return DEFAULT_ELASTICITY, 0.0
    return arithmetic.fit_elasticity([point["price"] for point in points], [point["units"] for point in points])


def measure_elasticity(product_id: str, price_history: list[dict[str, Any]]) -> dict[str, Any]:
    """Fit the elasticity to a price history; a history that cannot be fitted is an error."""
    try:
        coefficient, fit = arithmetic.fit_elasticity(
            [point["price"] for point in price_history], [point["units"] for point in price_history]
        )
    except ValueError as problem:
        return {"recommendation": "analysis_failed", "message": f"{product_id}: {problem}", "confidence": 0.0}
    elastic = coefficient < -1
    return {
        "elasticity_coefficient": round(coefficient, 3),
        "category": "elastic" if elastic else "inelastic",
        "recommendation": "lower prices carefully, volume answers" if elastic else "raise prices in small steps",
        "confidence": round(fit, 3),
    }


def choose_price(product: dict[str, Any], market: dict[str, Any]) -> dict[str, Any]:
    """Choose the price with the best profit near the market; a missing price or cost is an error."""
    price, cost = product.get("price") or 0, product.get("cost") or 0
    if price <= 0 or cost <= 0:
        return {
            "rationale": f"Error: product '{product.get('product_id')}' has no usable price and cost",
            "confidence_score": 0.0,
        }
    elasticity, fit = read_elasticity(product.get("product_id", ""))
    average = market.get("competitor_average") or price
    index = market.get("demand_index", 1.0)
    best = round(arithmetic.optimize_price(price, cost, elasticity, average, index), 2)
    change = arithmetic.predict_demand_change(price, best, elasticity)
    units = fmean(product.get("daily_demand") or [0]) * 30
    gain = arithmetic.measure_profit(best, cost, units * (1 + change)) - arithmetic.measure_profit(price, cost, units)
    return {
        "optimal_price": best,
        "price_change_percentage": round((best / price - 1) * 100, 2),
        "expected_demand_change": round(change, 4),
        "profit_impact_estimate": round(gain, 2),
        "confidence_score": round(0.4 + 0.55 * fit, 3),
        "rationale": f"Elasticity {elasticity:.2f}, competitors at {average:.2f}, demand index {index:.2f}: "
        f"{price:.2f} becomes {best:.2f}",
    }


def mark_down(product: dict[str, Any], urgency_level: str) -> dict[str, Any]:
    """Choose a markdown by sell-through; an unknown urgency or a price below cost is an error."""
    price, cost = product.get("price", 0), product.get("cost", 0)
    if urgency_level not in arithmetic.URGENCY_FACTORS or price <= cost:
        return {"status": "error", "message": f"cannot mark down at {price} over {cost}, urgency '{urgency_level}'"}
    sold = sum(product["daily_demand"])
    markdown = arithmetic.choose_markdown(sold / ((sold + product["stock"]) or 1), urgency_level)
    new_price = round(max(cost * 1.02, price * (1 - markdown)), 2)
    elasticity, _ = read_elasticity(product["product_id"])
    return {
        "markdown_percentage": round((1 - new_price / price) * 100, 1),
        "markdown_price": new_price,
        "expected_demand_increase": round(arithmetic.predict_demand_change(price, new_price, elasticity), 3),
        "rationale": f"{sold} of {sold + product['stock']} units sold through, urgency {urgency_level}",
    }


def judge_price(product_id: str, proposed_price: float, context: dict[str, Any]) -> dict[str, Any]:
    """Judge what a price would do to revenue and profit; a price that is not positive is an error."""
    if proposed_price <= 0:
        return {
            "recommendation": "evaluation_failed",
            "impact_score": 0.0,
            "message": f"proposed price {proposed_price} for {product_id} is not positive",
        }
    product = context.get("product_data") or find_product(product_id)
    elasticity, _ = read_elasticity(product_id)
    price, cost, units = product["price"], product["cost"], fmean(product["daily_demand"]) * 30
    new_units = units * (1 + arithmetic.predict_demand_change(price, proposed_price, elasticity))
    revenue = proposed_price * new_units - price * units
    profit = arithmetic.measure_profit(proposed_price, cost, new_units) - arithmetic.measure_profit(price, cost, units)
    base = abs(arithmetic.measure_profit(price, cost, units)) or 1.0
    return {
        "impact_score": round(min(1.0, max(0.0, 0.5 + profit / base)), 3),
        "recommendation": "implement" if profit > 0 else "keep the price",
        "revenue_impact": round(revenue, 2),
        "profit_impact": round(profit, 2),
    }


def compare_competitors(product_id: str, category: str) -> dict[str, Any]:
    """Compare competitors' prices; a silent feed raises TimeoutError, an unwatched category KeyError."""
    price = find_product(product_id)["price"]
    levels = fetch_price_levels(category)
    offers = [{"competitor": name, "price": round(price * level, 2)} for name, level in levels.items()]
    prices = [price * level for level in levels.values()]
    return {
        "market_stats": {
            "average": round(fmean(prices), 2),
            "min": round(min(prices), 2),
            "max": round(max(prices), 2),
        },
        "competitors": offers,
    }
