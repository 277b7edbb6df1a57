"""Stock arithmetic: safety stock, reorder point, order quantity, stock-out risk, slow movers."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist


def compute_safety_stock(service_level: float, demand_deviation: float, lead_time_days: float) -> float:
    """Return the units that cover demand during the lead time with the given probability.

    z(service level) * sigma * sqrt(L); Silver, Pyke & Thomas, Inventory and Production Management, ch. 6.

    Raises:
        ValueError: the service level does not lie strictly between 0 and 1.
    """
    if not 0 < service_level < 1:
        raise ValueError(f"service_level must lie between 0 and 1, not {service_level}")
    return max(0.0, NormalDist().inv_cdf(service_level)) * demand_deviation * sqrt(lead_time_days)


def compute_reorder_point(daily_demand: float, lead_time_days: float, safety_stock: float) -> float:
    """Return the stock level at which to order: demand during the lead time plus the safety stock."""
    return daily_demand * lead_time_days + safety_stock


def compute_order_quantity(annual_demand: float, order_cost: float, holding_cost: float) -> float:
    """Return the economic order quantity, sqrt(2 D S / H); Harris 1913.

    Args:
        annual_demand: units a year.
        order_cost: cost of placing one order.
        holding_cost: cost of holding one unit for a year.
    """
    return sqrt(2 * annual_demand * order_cost / holding_cost)


def compute_stockout_risk(stock: float, daily_demand: float, deviation: float, lead_time_days: float) -> float:
    """Return the probability that normal demand during the lead time exceeds the stock."""
    mean = daily_demand * lead_time_days
    spread = deviation * sqrt(lead_time_days)
    if spread == 0:
        return 1.0 if mean > stock else 0.0
    return 1 - NormalDist(mean, spread).cdf(stock)


def compute_days_of_cover(stock: float, daily_demand: float) -> float:
    """Return for how many days the stock lasts; 999 when nothing sells."""
    return min(999.0, stock / daily_demand) if daily_demand > 0 else 999.0
