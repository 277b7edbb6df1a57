"""What the history tools learn from remembered decisions: success rates and what worked best."""

from __future__ import annotations

from collections import defaultdict
from statistics import fmean
from typing import Any


def rate_success(decisions: list[dict[str, Any]]) -> float:
    """Return the share of decisions that succeeded."""
    return round(fmean(decision["succeeded"] for decision in decisions), 3)


def rank_actions(decisions: list[dict[str, Any]]) -> list[tuple[str, float]]:
    """Rank action types by their success rate, the best first."""
    by_action: dict[str, list[int]] = defaultdict(list)
    for decision in decisions:
        by_action[decision["action_type"]].append(decision["succeeded"])
    return sorted(((action, round(fmean(won), 3)) for action, won in by_action.items()), key=lambda e: (-e[1], e[0]))


def review_inventory(product_id: str, decisions: list[dict[str, Any]]) -> dict[str, Any]:
    """Sum up inventory decisions on a product; none at all is an error."""
    if not decisions:
        return {"status": "failed", "error": f"no inventory decisions on {product_id} are remembered"}
    best, rate = rank_actions(decisions)[0]
    return {
        "success_rate": rate_success(decisions),
        "forecast_accuracy": round(fmean(decision["accuracy"] for decision in decisions), 3),
        "learning_recommendations": [f"'{best}' worked in {rate:.0%} of cases"],
    }


def review_pricing(product_id: str, decisions: list[dict[str, Any]]) -> dict[str, Any]:
    """Sum up pricing decisions on a product; none at all is an error."""
    if not decisions:
        return {"success": False, "error": f"no pricing decisions on {product_id} are remembered"}
    return {
        "total_decisions": len(decisions),
        "success_rate": rate_success(decisions),
        "insights": [f"'{action}' worked in {rate:.0%} of cases" for action, rate in rank_actions(decisions)],
    }


def review_promotion(product_id: str, decisions: list[dict[str, Any]]) -> dict[str, Any]:
    """Sum up promotions of a product; none at all is an error."""
    if not decisions:
        return {"success": False, "error": f"no promotions of {product_id} are remembered"}
    return {
        "success_rate": rate_success(decisions),
        "best_practices": [f"Prefer '{action}'" for action, rate in rank_actions(decisions) if rate >= 0.5],
    }
