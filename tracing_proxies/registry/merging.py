"""One draft of several files: the including file wins, rules follow each other, what hides adds up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from tracing_proxies.registry.model import Placed
from tracing_proxies.registry.origins import Stated, origins_of


@attrs.frozen(eq=False, repr=False)
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
    values = Stated()
    reads: tuple[Placed, ...] = ()
    for draft in drafts:
        roles = Stated(values.get("roles", {}))
        for name, role in draft.values.get("roles", {}).items():
            roles.state(name, role, *origins_of(draft.values["roles"]).get(name, ()))
        values = _merged(values, draft.values)
        values["roles"] = roles  # a role is one thing: it is replaced as a whole
        reads += draft.reads
    return FileDraft(values, reads)


def _merged(weaker: Mapping[str, Any], stronger: Mapping[str, Any]) -> Stated:
    merged = Stated(weaker)
    for name, value in stronger.items():
        before = merged.get(name)
        origins = origins_of(stronger).get(name, ())
        if isinstance(before, dict) and isinstance(value, dict):
            merged.state(name, _merged(before, value), *origins)
        elif isinstance(before, tuple) and isinstance(value, tuple):
            merged.state(name, before + value, *merged.origins.get(name, ()), *origins)
        else:
            merged.state(name, value, *origins)
    return merged
