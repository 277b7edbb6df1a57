"""Price arithmetic: elasticity, the best price under it, demand response and markdowns."""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from statistics import fmean

MAX_STEP = 0.15
MARKDOWN_STEPS = ((0.25, 0.4), (0.5, 0.25), (0.75, 0.15))
URGENCY_FACTORS = {"low": 0.75, "medium": 1.0, "high": 1.25, "critical": 1.5}


def fit_elasticity(prices: Sequence[float], units: Sequence[float]) -> tuple[float, float]:
    """Return the price elasticity and the fit's R squared, from a log-log regression of units on price.

    Raises:
        ValueError: fewer than three pairs, a value that is not positive, or one price only.
    """
    if len(prices) < 3 or len(prices) != len(units):
        raise ValueError(f"a regression needs at least 3 price points, not {len(prices)}")
    if min(*prices, *units) <= 0:
        raise ValueError("prices and units must be positive")
    x, y = [log(price) for price in prices], [log(unit) for unit in units]
    mean_x, mean_y = fmean(x), fmean(y)
    spread_x = sum((value - mean_x) ** 2 for value in x)
    spread_y = sum((value - mean_y) ** 2 for value in y)
    if spread_x == 0:
        raise ValueError("all price points have the same price")
    joint = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    return joint / spread_x, joint**2 / (spread_x * spread_y) if spread_y else 1.0


def optimize_price(
    price: float, cost: float, elasticity: float, competitor_average: float, demand_index: float
) -> float:
    """Return the price with the best profit under constant elasticity, near the market and in one step's reach.

    The unconstrained optimum is cost * e / (e + 1) for e < -1 (Lerner's rule); demand shifts and competitors pull it;
    a step is at most 15 % of today's price.
    """
    best = cost * elasticity / (elasticity + 1) if elasticity < -1.05 else price * (1 + MAX_STEP)
    pulled = (0.5 * best + 0.5 * competitor_average) * (1 + 0.3 * (demand_index - 1))
    floor = max(cost * 1.02, price * (1 - MAX_STEP))
    return min(max(pulled, floor), price * (1 + MAX_STEP))


def predict_demand_change(price: float, new_price: float, elasticity: float) -> float:
    """Return the relative change of demand, (p'/p) ** e - 1, under constant elasticity."""
    return float((new_price / price) ** elasticity - 1)


def choose_markdown(sell_through: float, urgency_level: str) -> float:
    """Return the markdown as a fraction of the price: the less has sold through, the deeper; at most one half.

    Args:
        sell_through: units sold over units that were available, 0 to 1.
        urgency_level: low, medium, high or critical.
    """
    base = next((markdown for limit, markdown in MARKDOWN_STEPS if sell_through < limit), 0.05)
    return min(0.5, base * URGENCY_FACTORS[urgency_level])


def measure_profit(price: float, cost: float, units: float) -> float:
    """Return the contribution of selling units at a price."""
    return (price - cost) * units
