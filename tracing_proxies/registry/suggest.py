"""The nearest right name for a wrong one, at a bounded cost."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

_MOST_CANDIDATES = 2_000
_LONGEST_NAME = 100


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """Find the candidate that is most like a name.

    Args:
        name: what was found; a name of more than 100 characters has no nearest one.
        candidates: the right names; only the first 2,000 are looked at.

    Returns:
        The nearest candidate, or None if none is near.
    """
    if not name or len(name) > _LONGEST_NAME:
        return None
    known = [c for c in islice(candidates, _MOST_CANDIDATES) if len(c) <= _LONGEST_NAME]
    folded = name.casefold()
    for candidate in known:
        if candidate.casefold() == folded:
            return candidate if candidate != name else None
    import difflib  # for mistakes alone

    found = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return found[0] if found else None
