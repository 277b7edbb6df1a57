"""What the promotion tools compute: flash sales, bundles, sentiment, campaigns and availability."""

from __future__ import annotations

from statistics import fmean
from typing import Any

from retail.arithmetic import promotion as arithmetic
from retail.arithmetic.price import predict_demand_change
from retail.arithmetic.sentiment import score_posts, score_text
from retail.arithmetic.stock import compute_days_of_cover
from retail.catalog import find_product, list_posts
from retail.skills.pricing import read_elasticity

ARCHIVE_HOURS = 168


def plan_flash_sale(product: dict[str, Any], duration_hours: int, target_audience: str) -> dict[str, Any]:
    """Plan a flash sale by days of cover; a sale without duration or stock is an error."""
    if duration_hours <= 0 or product.get("stock", 0) <= 0:
        return {
            "status": "failed",
            "error": f"a flash sale of {duration_hours} h on {product.get('stock', 0)} units cannot run",
        }
    daily = fmean(product["daily_demand"])
    cover = compute_days_of_cover(product["stock"], daily)
    discount = arithmetic.choose_flash_discount(cover)
    price = round(product["price"] * (1 - discount), 2)
    usual = daily * duration_hours / 24
    elasticity, _ = read_elasticity(product["product_id"])
    units = min(product["stock"], usual * (1 + predict_demand_change(product["price"], price, elasticity)))
    return {
        "discount_percentage": round(discount * 100, 1),
        "flash_sale_price": price,
        "expected_units_sold": round(units, 1),
        "revenue_impact": round(price * units - product["price"] * usual, 2),
        "success_probability": round(arithmetic.estimate_success(discount, cover), 3),
        "rationale": f"{cover:.0f} days of cover, {duration_hours} h for {target_audience}",
    }


def recommend_bundle(anchor: dict[str, Any], available: list[dict[str, Any]]) -> dict[str, Any]:
    """Bundle the anchor with the products bought together most above chance; nothing available is an error."""
    if not available:
        return {"success": False, "error": f"no products to bundle with {anchor.get('product_id')}"}
    affinities = []
    for product in available:
        lift = arithmetic.compute_lift(
            product["baskets_together"],
            product["baskets_with_anchor"],
            product["baskets_with_product"],
            product["baskets_total"],
        )
        affinities.append((arithmetic.scale_lift(lift), product["product_id"], product))
    best = sorted(affinities, key=lambda entry: (-entry[0], entry[1]))[:2]
    members = [anchor] + [product for _, _, product in best]
    affinity = fmean(entry[0] for entry in best)
    price = arithmetic.price_bundle([m["price"] for m in members], [m["cost"] for m in members], affinity)
    feasible = all(member["stock"] >= 20 for member in members) and affinity > 0.5
    return {
        "bundle_products": [member["product_id"] for member in members],
        "bundle_price": round(price, 2),
        "average_affinity_score": round(affinity, 3),
        "bundle_feasible": feasible,
        "recommendation_strength": round(affinity if feasible else affinity / 2, 3),
        "rationale": f"Bought together at an affinity of {affinity:.2f}, chance is 0.5",
    }


def read_sentiment(category: str, keywords: list[str], hours: int) -> dict[str, Any]:
    """Read posts on a category; no keywords is an error, and so is a span longer than the archive answers for."""
    if hours > ARCHIVE_HOURS:
        return {"status": "timeout", "error": f"{hours} hours of posts, the archive answers for {ARCHIVE_HOURS}"}
    if not keywords:
        return {"analysis": "Error: no keywords to look for", "confidence_score": 0.0}
    posts = list_posts(category, hours)
    relevant = [post for post in posts if any(word.lower() in post["text"].lower() for word in keywords)] or posts
    overall = score_posts([post["text"] for post in relevant])
    half = len(relevant) // 2
    shift = score_posts([p["text"] for p in relevant[:half]]) - score_posts([p["text"] for p in relevant[half:]])
    return {
        "overall_sentiment": round(overall, 3),
        "sentiment_trend": "improving" if shift > 0.1 else "declining" if shift < -0.1 else "steady",
        "risk_factors": [post["text"] for post in relevant if score_text(post["text"]) < 0],
        "confidence_score": round(min(0.95, 0.4 + 0.1 * len(relevant)), 3),
        "analysis": f"{len(relevant)} posts on {category}, mean sentiment {overall:+.2f}",
    }


def schedule_campaign(campaign: dict[str, Any]) -> dict[str, Any]:
    """Lay out a campaign in phases; a budget or duration that is not positive is an error."""
    parameters = campaign.get("parameters", {})
    budget, days = parameters.get("budget", 0), parameters.get("days", 0)
    if budget <= 0 or days <= 0:
        return {"status": "error", "message": f"a campaign needs a budget and days, not {budget} and {days}"}
    reach = int(budget * 25)
    return {
        "status": "scheduled",
        "phases": arithmetic.split_budget(budget, days),
        "daily_budget": round(budget / days, 2),
        "expected_metrics": {"reach": reach, "conversions": round(reach * 0.02)},
        "target": campaign.get("target_criteria", {}),
    }


def judge_campaign(campaign_id: str, performance: dict[str, Any]) -> dict[str, Any]:
    """Score what a campaign brought in; a campaign without spend or impressions is an error."""
    try:
        score = arithmetic.score_campaign(
            performance.get("revenue", 0.0),
            performance.get("spend", 0.0),
            performance.get("conversions", 0),
            performance.get("impressions", 0),
        )
    except ValueError as problem:
        return {"recommendation": "evaluation_failed", "error": f"{campaign_id}: {problem}", "recommendations": []}
    level = "strong" if score > 0.75 else "fair" if score > 0.45 else "weak"
    advice = {"strong": "repeat it with more budget", "fair": "narrow the audience", "weak": "stop it"}
    return {"effectiveness_score": round(score, 3), "success_level": level, "recommendations": [advice[level]]}


def check_availability(requirements: list[dict[str, Any]]) -> dict[str, Any]:
    """Check stock against required units; a product that the catalogue lacks raises KeyError."""
    results = []
    for requirement in requirements:
        stock = requirement.get("stock", find_product(requirement["product_id"])["stock"])
        results.append(
            {
                "product_id": requirement["product_id"],
                "required": requirement["units"],
                "available": stock,
                "sufficient": stock >= requirement["units"],
            }
        )
    enough = sum(result["sufficient"] for result in results)
    overall = "full" if enough == len(results) else "partial" if enough else "none"
    return {"overall_availability": overall, "validation_results": results}
