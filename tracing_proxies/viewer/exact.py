"""Reads how often agents and tools were called, recorded or not, from what the application has counted of them all."""

from __future__ import annotations

import sqlite3
from collections import Counter
from typing import Any, Final

import attrs

from tracing_proxies.delivery.sinks.local_calls import HOUR, unpack
from tracing_proxies.monitoring.distribution import Distribution

# A target tells how often something was called if all that it does goes by one name, and is not a part of another call
# of that name, which a framework makes of it.
_NAMES: Final = (
    "SELECT target, type, min(name) AS name FROM called GROUP BY target, type HAVING count(*) = 1 AND max(within) = 0"
)
_SHARED: Final = "SELECT target, type, name FROM called WHERE within = 0"
_WHEN: Final = "began > :since - :hour AND began < :until AND began + lasts > :since AND began + lasts <= :last"
_SUMS: Final = (
    "SELECT target, min(began) AS began, max(began + lasts) AS ended, sum(calls) AS calls, sum(failed) AS failed "
    f"FROM calls WHERE {_WHEN} GROUP BY target"
)
_SIZES: Final = (
    f"SELECT target, sizes FROM calls WHERE {_WHEN} AND target IN (SELECT target FROM called WHERE type = 'agent')"
)
_NEVER: Final = 2**63 - 1


@attrs.define(eq=False)
class Calls:
    """All calls that go by one name, within whole minutes or hours.

    Args:
        began, ended: nanoseconds since the epoch: of the first and the last of these.
        sizes: how long they took, in nanoseconds by bin; of agents only.
    """

    began: int
    ended: int
    calls: int = 0
    failed: int = 0
    sizes: Counter[int] = attrs.field(factory=Counter)

    def plain(self) -> dict[str, Any]:
        """Return the figures in plain values, times in milliseconds within 1 %."""
        sizes = Distribution(dict(self.sizes), sum(self.sizes.values()))
        quantiles = {f"p{q}": sizes.quantile(q / 100) for q in (50, 95, 99)}
        known = {name: found / 1e6 for name, found in quantiles.items() if found is not None}
        return {"calls": self.calls, "failed": self.failed, **known}


def read_exact(
    connection: sqlite3.Connection, since: int, until: int, *, whole: bool = False
) -> dict[tuple[str, str], Calls]:
    """Read what was counted from one moment to another, in nanoseconds since the epoch.

    What is counted are whole minutes, and whole hours of what is older than two hours: the first of them is the one in
    which the time begins.

    Args:
        whole: leave out what goes on when the time ends.

    Returns:
        By type, agent or tool, and name; nothing of those whose calls cannot be told from those of others.
    """
    if not has_counts(connection):
        return {}
    names = {row["target"]: (row["type"], row["name"]) for row in connection.execute(_NAMES)}
    shared = {(row["type"], row["name"]) for row in connection.execute(_SHARED) if row["target"] not in names}
    found: dict[tuple[str, str], Calls] = {}
    bounds = {"since": since, "until": until, "hour": HOUR, "last": until if whole else _NEVER}
    for row in connection.execute(_SUMS, bounds):
        named = names.get(row["target"])
        if named is None or named in shared:
            continue
        calls = found.setdefault(named, Calls(row["began"], row["ended"]))
        calls.began, calls.ended = min(calls.began, row["began"]), max(calls.ended, row["ended"])
        calls.calls += row["calls"]
        calls.failed += row["failed"]
    for target, packed in connection.execute(_SIZES, bounds):
        named = names.get(target)
        if named in found:
            found[named].sizes.update(unpack(packed))
    return found


def has_counts(connection: sqlite3.Connection) -> bool:
    """Return whether the store is of a version that counts."""
    known = connection.execute("SELECT count(*) FROM sqlite_master WHERE name IN ('calls', 'called')").fetchone()[0]
    return bool(known == 2)
