"""How many examples a property is tried with."""

from __future__ import annotations

import os

_TIMES = float(os.environ.get("EXAMPLES", "1"))


def examples(usual: int) -> int:
    """Return how many: as many as usual, or EXAMPLES times as many."""
    return max(1, round(usual * _TIMES))
