"""How the offline model answers: the tools' outcomes turned into one decision."""

from __future__ import annotations

from statistics import fmean
from typing import Any

from retail.failures import describe_failure

CONFIDENCE_KEYS = (
    "confidence_score", "confidence", "confidence_level", "success_probability", "impact_score",
    "recommendation_strength",
)  # fmt: skip
REASON_KEYS = ("rationale", "analysis", "recommendation")
DEFAULT_CONFIDENCE = 0.7
LOST_CONFIDENCE = 0.2

Outcomes = list[tuple[str, dict[str, Any]]]


def compose_answer(decisive: str, outcomes: Outcomes, product_ids: list[str]) -> dict[str, Any]:
    """Compose the decision from the tools' outcomes; the decisive tool's failure becomes parameters.error."""
    failures = {name: reason for name, outcome in outcomes if (reason := describe_failure(outcome))}
    result = next((outcome for name, outcome in reversed(outcomes) if name == decisive), {})
    parameters: dict[str, Any] = {"based_on": decisive, "tools": [name for name, _ in outcomes]}
    if decisive in failures or not result:
        parameters["error"] = failures.get(decisive, "no tool fits this request")
        action = "no_action"
    else:
        parameters |= {key: value for key, value in result.items() if key not in CONFIDENCE_KEYS + REASON_KEYS}
        action = name_action(decisive, result)
    if failures:
        parameters["tool_errors"] = failures
    return {
        "action_type": action,
        "product_ids": product_ids,
        "parameters": parameters,
        "confidence_score": rate_confidence(outcomes, len(failures)),
        "rationale": give_reasons(decisive, outcomes, failures),
        "status": "error" if "error" in parameters else "decided",
    }


def rate_confidence(outcomes: Outcomes, failures: int) -> float:
    """Return the mean of the confidences that sound tools report, less 0.2 for every failure."""
    reported = [
        float(outcome[key])
        for _, outcome in outcomes
        if not describe_failure(outcome)
        for key in CONFIDENCE_KEYS
        if key in outcome
    ]
    base = fmean(reported) if reported else DEFAULT_CONFIDENCE
    return round(max(0.05, base - LOST_CONFIDENCE * failures), 3)


def give_reasons(decisive: str, outcomes: Outcomes, failures: dict[str, str]) -> str:
    """Join the tools' own reasoning into a sentence each, the decisive tool's first."""
    reasons = []
    for name, outcome in sorted(outcomes, key=lambda entry: entry[0] != decisive):
        text = failures.get(name) or next((str(outcome[key]) for key in REASON_KEYS if outcome.get(key)), "")
        if text:
            reasons.append(f"{name}: {text}")
    return ". ".join(reasons) or f"{decisive} gave no reasons"


def name_action(decisive: str, result: dict[str, Any]) -> str:
    """Name what the decisive tool's outcome asks for."""
    if decisive == "calculate_optimal_price":
        change = result["price_change_percentage"]
        return "raise_price" if change > 0.5 else "lower_price" if change < -0.5 else "hold_price"
    if decisive == "generate_restock_alert":
        return "restock" if result["recommended_quantity"] else "hold_stock"
    if decisive == "identify_slow_moving_inventory":
        return "clear_slow_stock" if result["slow_moving_count"] else "hold_stock"
    if decisive == "generate_bundle_recommendation":
        return "offer_bundle" if result["bundle_feasible"] else "no_bundle"
    return {
        "forecast_demand_probabilistic": "update_forecast",
        "calculate_safety_buffer": "set_reorder_point",
        "analyze_demand_patterns": "note_pattern",
        "apply_markdown_strategy": "mark_down",
        "get_competitor_prices": "note_market",
        "create_flash_sale": "flash_sale",
        "schedule_promotional_campaign": "run_campaign",
        "coordinate_with_pricing_agent": "align_with_pricing",
        "evaluate_campaign_effectiveness": "rate_campaign",
        "validate_inventory_availability": "confirm_availability",
    }.get(decisive, "learn")
