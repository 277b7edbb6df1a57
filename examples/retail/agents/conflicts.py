"""Which decisions contradict each other, and which of the two goes ahead."""

from __future__ import annotations

from itertools import combinations

from retail.models import Conflict, Decision

CLASHES = {
    frozenset({"raise_price", "flash_sale"}): "price_direction",
    frozenset({"raise_price", "mark_down"}): "price_direction",
    frozenset({"raise_price", "run_campaign"}): "price_direction",
    frozenset({"restock", "flash_sale"}): "stock_exhaustion",
    frozenset({"lower_price", "flash_sale"}): "stacked_discounts",
    frozenset({"mark_down", "flash_sale"}): "stacked_discounts",
}
FIRST_WORD = ("inventory_agent", "pricing_agent", "promotion_agent")


def find_conflicts(decisions: list[Decision]) -> list[Conflict]:
    """Find every pair of decisions by different agents that clash on a product they share."""
    conflicts = []
    for first, second in combinations(decisions, 2):
        kind = CLASHES.get(frozenset({first.action_type, second.action_type}))
        shared = [product for product in first.product_ids if product in second.product_ids]
        if kind and shared and first.agent_id != second.agent_id:
            conflicts.append(Conflict(kind, shared, first, second))
    return conflicts


def choose_winner(conflict: Conflict) -> tuple[Decision, Decision, str]:
    """Return the decision that goes ahead, the one that gives way, and the rule that says so.

    Scarce stock comes first; otherwise the more confident decision wins, and a tie follows the agents' order.
    """
    pair = sorted((conflict.first, conflict.second), key=lambda decision: FIRST_WORD.index(decision.agent_id))
    if conflict.kind == "stock_exhaustion":
        return pair[0], pair[1], "scarce stock comes first"
    winner = max(pair, key=lambda decision: decision.confidence_score)
    loser = pair[1] if winner is pair[0] else pair[0]
    return winner, loser, "the more confident decision goes ahead"
