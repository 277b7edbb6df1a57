"""The environment of processes that tests start."""

from __future__ import annotations

import os

from tracing_proxies.compiled import SWITCH

BUDGET = "TRACING_PROXIES__SAMPLING__BUDGET"


def inherited(*dropped: str) -> dict[str, str]:
    """Return this process's environment without a server's keys and without our variables, but for the budget.

    Without a budget what is kept does not depend on how busy the machine is.

    Args:
        dropped: prefixes of further names that are left out.
    """
    prefixes = ("LANGFUSE_", "TRACING_PROXIES", *dropped)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(prefixes) or name == SWITCH}
    return {**kept, BUDGET: "unlimited"}
