"""Competitor price feeds: who runs them, and whether they answer."""

from __future__ import annotations

from retail.catalog import list_competitors
from retail.simulation.contacts import CONTACT_EMAIL, CONTACT_NAME

PATIENCE_SECONDS = 2.0
SILENT_FEEDS = {"seasonal": f"{CONTACT_NAME}, {CONTACT_EMAIL}"}


def fetch_price_levels(category: str) -> dict[str, float]:
    """Return each competitor's price level in a category, relative to ours.

    Raises:
        TimeoutError: the category's feed does not answer.
        KeyError: nobody watches the category.
    """
    if category in SILENT_FEEDS:
        raise TimeoutError(
            f"competitor feed '{category}' did not answer within {PATIENCE_SECONDS} s, ask {SILENT_FEEDS[category]}"
        )
    return list_competitors(category)
