"""Keeps in the local store how often targets were called, recorded or not: by minute, and by hour what is older."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import attrs

if TYPE_CHECKING:
    import sqlite3

MINUTE: Final = 60 * 10**9
HOUR: Final = 60 * MINUTE
_IN_MINUTES: Final = 2 * HOUR
_MOST_ROWS: Final = 50_000
_KEEP: Final = (
    "INSERT OR REPLACE INTO calls (began, lasts, target, process, calls, failed, taken, sizes) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_NAME: Final = (
    "INSERT INTO called (target, type, name, within, seen) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT DO UPDATE SET seen = excluded.seen"
)


@attrs.frozen(eq=False, repr=False)
class CallSum:
    """What was counted of one target within a stretch of time.

    Args:
        taken: nanoseconds, of all calls together.
        sizes: how many calls fell into each bin of `sampling.sketch`; empty where that is not kept.
    """

    target: str
    calls: int
    failed: int
    taken: int
    sizes: Mapping[int, int]


@attrs.frozen(eq=False, repr=False)
class CallName:
    """How the spans of a target were named and typed.

    Args:
        within: whether it was seen within another of the same name and type, which stands for both.
    """

    target: str
    type: str
    name: str
    within: bool


@attrs.frozen(eq=False, repr=False)
class CallMinute:
    """What one process has counted in one minute, up to now.

    Args:
        began: nanoseconds since the epoch, a whole minute.
        process: tells processes apart, also those that have had the same number one after the other.
    """

    began: int
    process: str
    sums: Sequence[CallSum]
    names: Iterable[CallName]


def keep_calls(connection: sqlite3.Connection, minute: CallMinute) -> None:
    """Write what a process has counted in a minute, in place of what it has said of that minute before."""
    began, process = minute.began, minute.process
    rows = [
        (began, MINUTE, one.target, process, one.calls, one.failed, one.taken, pack(one.sizes)) for one in minute.sums
    ]
    names = [(name.target, name.type, name.name, int(name.within), began) for name in minute.names]
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.executemany(_KEEP, rows)
        connection.executemany(_NAME, names)
        _fold(connection, (began - _IN_MINUTES) // HOUR * HOUR)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def forget_calls(connection: sqlite3.Connection, moment: int) -> int:
    """Delete what was counted before a moment, in nanoseconds since the epoch; return how many rows that was."""
    rows = connection.execute("DELETE FROM calls WHERE began < ? AND began + lasts <= ?", (moment, moment)).rowcount
    return rows + connection.execute("DELETE FROM called WHERE seen < ?", (moment - HOUR,)).rowcount


def pack(sizes: Mapping[int, int]) -> str:
    """Write how many calls fell into each bin as JSON."""
    return json.dumps([list(sizes), list(sizes.values())], separators=(",", ":"))


def unpack(text: str) -> dict[int, int]:
    """Read what `pack` has written."""
    places, many = json.loads(text)
    return dict(zip(places, many, strict=True))


def _fold(connection: sqlite3.Connection, moment: int) -> None:
    """Put the minutes of before a moment together to hours, all processes as one."""
    rows = connection.execute(
        f"SELECT began, target, calls, failed, taken, sizes FROM calls WHERE began < ? AND lasts = {MINUTE}", (moment,)
    ).fetchall()
    if not rows:
        return
    hours = {row[0] // HOUR * HOUR for row in rows}
    # What another process had to say of such an hour may have come too late for the first time.
    places = ", ".join("?" * len(hours))
    rows += connection.execute(
        f"SELECT began, target, calls, failed, taken, sizes FROM calls WHERE began IN ({places}) AND lasts = {HOUR}",
        tuple(hours),
    ).fetchall()
    connection.executemany(_KEEP, _add_up(rows))
    connection.execute(f"DELETE FROM calls WHERE began < ? AND lasts = {MINUTE}", (moment,))
    surplus = connection.execute("SELECT count(*) FROM calls").fetchone()[0] - _MOST_ROWS
    if surplus > 0:
        last = connection.execute("SELECT began FROM calls ORDER BY began LIMIT 1 OFFSET ?", (surplus - 1,)).fetchone()
        connection.execute("DELETE FROM calls WHERE began <= ?", last)


def _add_up(rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    sums: dict[tuple[int, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    sizes: dict[tuple[int, str], Counter[int]] = defaultdict(Counter)
    for began, target, calls, failed, taken, packed in rows:
        key = began // HOUR * HOUR, target
        sums[key] = [known + more for known, more in zip(sums[key], (calls, failed, taken), strict=True)]
        sizes[key].update(unpack(packed))
    return [(began, HOUR, target, "", *sums[began, target], pack(sizes[began, target])) for began, target in sums]
