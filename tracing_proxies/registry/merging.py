"""One draft of several files: the including file wins, rules follow each other, what hides adds up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from tracing_proxies.registry.model import Placed


@attrs.frozen(eq=False)
class FileDraft:
    """What one file says, or several that were merged.

    Args:
        values: by the keys of the top level.
        reads: every path outside of its rules, for the check of hidden fields.
    """

    values: Mapping[str, Any]
    reads: tuple[Placed, ...]


def merge(drafts: Iterable[FileDraft]) -> FileDraft:
    """Merge drafts of which the later ones win."""
    values: dict[str, Any] = {}
    reads: tuple[Placed, ...] = ()
    for draft in drafts:
        roles = {**values.get("roles", {}), **draft.values.get("roles", {})}
        values = _merged(values, draft.values)
        values["roles"] = roles  # a role is one thing: it is replaced as a whole
        reads += draft.reads
    return FileDraft(values, reads)


def _merged(weaker: Mapping[str, Any], stronger: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(weaker)
    for name, value in stronger.items():
        before = merged.get(name)
        if isinstance(before, dict) and isinstance(value, dict):
            merged[name] = _merged(before, value)
        elif isinstance(before, tuple) and isinstance(value, tuple):
            merged[name] = before + value
        else:
            merged[name] = value
    return merged
