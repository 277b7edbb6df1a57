"""Promotion arithmetic: lift of bundles, flash-sale response, campaign budgets and effectiveness."""

from __future__ import annotations

from math import exp

PHASES = (("teaser", 0.2), ("launch", 0.5), ("sustain", 0.3))


def compute_lift(together: int, with_anchor: int, with_product: int, total: int) -> float:
    """Return how much likelier two products are bought together than by chance, P(AB) / (P(A) P(B))."""
    if not with_anchor or not with_product or not total:
        return 0.0
    return together * total / (with_anchor * with_product)


def scale_lift(lift: float) -> float:
    """Map a lift to an affinity in 0..1, lift / (1 + lift); chance is 0.5."""
    return lift / (1 + lift)


def price_bundle(prices: list[float], costs: list[float], affinity: float) -> float:
    """Return the bundle's price: 5 to 15 % off the sum, less for products that are bought together anyway."""
    discount = 0.15 - 0.1 * affinity
    return max(sum(prices) * (1 - discount), sum(costs) * 1.05)


def choose_flash_discount(days_of_cover: float) -> float:
    """Return a discount of 10 % plus one point for every two days of cover beyond two weeks, at most 40 %."""
    return min(0.4, 0.1 + max(0.0, days_of_cover - 14) / 200)


def estimate_success(discount: float, days_of_cover: float) -> float:
    """Return the probability that a flash sale meets its target: logistic in discount and in the stock behind it."""
    return 1 / (1 + exp(-(6 * discount + 0.05 * min(days_of_cover, 40) - 1.5)))


def split_budget(budget: float, days: int) -> list[dict[str, float | str]]:
    """Split a campaign's budget and days into teaser, launch and sustain."""
    return [
        {"phase": name, "budget": round(budget * share, 2), "days": round(days * share, 1)} for name, share in PHASES
    ]


def score_campaign(revenue: float, spend: float, conversions: int, impressions: int) -> float:
    """Return an effectiveness of 0..1: return on ad spend against a target of 4, conversion against 3 %, equally.

    Raises:
        ValueError: nothing was spent or shown, so there is nothing to measure.
    """
    if spend <= 0 or impressions <= 0:
        raise ValueError(f"spend {spend} and impressions {impressions} must both be positive")
    return 0.5 * min(1.0, revenue / spend / 4) + 0.5 * min(1.0, conversions / impressions / 0.03)
