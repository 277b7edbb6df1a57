"""What the inventory tools compute: forecasts, buffers, alerts, slow movers and patterns."""

from __future__ import annotations

from statistics import fmean, pstdev
from typing import Any

from retail.arithmetic import demand, stock

SHORTEST_HISTORY = 4


def forecast(product: dict[str, Any], days: int) -> dict[str, Any]:
    """Forecast demand by exponential smoothing; fall back to nothing sold when the history is too short."""
    series = product.get("daily_demand") or []
    if len(series) < SHORTEST_HISTORY or min(series) < 0:
        return {
            "total_expected_demand": 0.0,
            "daily_expected_demand": 0.0,
            "forecast_method": "error_fallback",
            "forecast_accuracy": 0.0,
            "confidence_level": 0.1,
            "error": f"{len(series)} days of valid demand, at least {SHORTEST_HISTORY} are needed",
        }
    forecasts = demand.smooth(series)
    accuracy = demand.measure_accuracy(series, forecasts)
    return {
        "total_expected_demand": round(forecasts[-1] * days, 1),
        "daily_expected_demand": round(forecasts[-1], 2),
        "forecast_method": "exponential_smoothing",
        "forecast_accuracy": round(accuracy, 3),
        "confidence_level": round(0.5 + accuracy / 2, 3),
    }


def size_buffer(product: dict[str, Any], service_level: float) -> dict[str, Any]:
    """Size the safety stock, reorder point and order quantity; a bad service level raises ValueError."""
    series = product["daily_demand"]
    daily, deviation, lead = fmean(series), pstdev(series), product["lead_time_days"]
    safety = stock.compute_safety_stock(service_level, deviation, lead)
    holding = product["cost"] * product["holding_cost_rate"]
    return {
        "safety_stock": round(safety, 1),
        "reorder_point": round(stock.compute_reorder_point(daily, lead, safety), 1),
        "economic_order_quantity": round(stock.compute_order_quantity(daily * 365, product["order_cost"], holding), 1),
        "service_level": service_level,
    }


def alert(product: dict[str, Any], urgency_level: str) -> dict[str, Any]:
    """Say how much to order and how pressing it is; a negative stock is an error."""
    if product.get("stock", -1) < 0:
        return {"status": "error", "message": f"stock of {product.get('product_id')} is {product.get('stock')}"}
    series = product["daily_demand"]
    daily, deviation, lead = fmean(series), pstdev(series), product["lead_time_days"]
    risk = stock.compute_stockout_risk(product["stock"], daily, deviation, lead)
    target = stock.compute_reorder_point(daily, lead, stock.compute_safety_stock(0.95, deviation, lead))
    holding = product["cost"] * product["holding_cost_rate"]
    lot = stock.compute_order_quantity(daily * 365, product["order_cost"], holding)
    quantity = round(max(lot, target - product["stock"])) if product["stock"] < target else 0
    weight = {"low": 0.6, "medium": 0.8, "high": 1.0, "critical": 1.2}.get(urgency_level, 0.8)
    note = product.get("supplier_note")
    return {
        "recommended_quantity": quantity,
        "total_cost": round(quantity * product["cost"] + (product["order_cost"] if quantity else 0), 2),
        "stockout_risk": round(risk, 3),
        "priority_score": round(min(1.0, (0.2 + 0.8 * risk) * weight), 3),
        "rationale": f"{product['stock']} in stock, reorder point {target:.0f}, stock-out risk {risk:.0%}"
        + (f"; supplier says: {note}" if note else ""),
    }


def find_slow_movers(inventory: list[dict[str, Any]], threshold_days: int) -> dict[str, Any]:
    """List the products that have not sold for longer than the threshold; no inventory is an error."""
    if not inventory:
        return {"success": False, "error": "no inventory data to look at"}
    slow = [item for item in inventory if item["days_since_last_sale"] > threshold_days]
    return {
        "slow_moving_count": len(slow),
        "total_slow_moving_value": round(sum(item["stock"] * item["cost"] for item in slow), 2),
        "slow_moving_items": [item["product_id"] for item in slow],
        "summary_recommendations": [
            f"{'Clear' if item['days_since_last_sale'] > 2 * threshold_days else 'Mark down'} {item['product_id']}: "
            f"{item['days_since_last_sale']} days without a sale, {item['stock']} units"
            for item in slow
        ]
        or ["Nothing moves slowly"],
    }


def analyze_patterns(product: dict[str, Any]) -> dict[str, Any]:
    """Judge stability, trend and outliers of a product's demand; a short history is an error."""
    series = product.get("daily_demand") or []
    if len(series) < SHORTEST_HISTORY:
        return {"analysis": f"Error: {len(series)} days of demand, at least {SHORTEST_HISTORY} are needed"}
    variation, slope = demand.measure_variation(series), demand.fit_slope(series)
    stability = "stable" if variation < 0.25 else "variable" if variation < 0.6 else "erratic"
    direction = "rising" if slope > 0.05 else "falling" if slope < -0.05 else "flat"
    anomalies = [{"day": day, "units": series[day]} for day in demand.find_anomalies(series)]
    return {
        "demand_stability": stability,
        "trend_analysis": {"direction": direction, "units_per_day": round(slope, 3)},
        "anomalies_detected": anomalies,
        "analysis": f"Demand is {stability} and {direction}, with {len(anomalies)} unusual days",
    }
