"""Keeps the local store within its age and its size."""

from __future__ import annotations

import sqlite3

from tracing_proxies.delivery.sinks.local_calls import forget_calls

_LAST = 2**63 - 1
_ROWS_AT_ONCE = 5_000
_PAGES_AT_ONCE = 2_000


def delete_older_than(connection: sqlite3.Connection, start_time: int) -> int:
    """Delete spans that began before ``start_time`` (ns since the epoch), and counts of before, in short transactions.

    Returns:
        How many rows were deleted.
    """
    deleted = forget_calls(connection, start_time)
    while True:
        rows = connection.execute(
            "DELETE FROM spans WHERE rowid IN (SELECT rowid FROM spans WHERE start_time < ? LIMIT ?)",
            (start_time, _ROWS_AT_ONCE),
        ).rowcount
        deleted += rows
        if rows < _ROWS_AT_ONCE:
            return deleted


def shrink_to(connection: sqlite3.Connection, max_size: int) -> int:
    """Delete the oldest spans until what is in use is a tenth below ``max_size``, and give the room back.

    Args:
        max_size: bytes.

    Returns:
        How many spans were deleted; 0 while the store is small enough.
    """
    deleted = 0
    if used_bytes(connection) > max_size:
        goal = max_size - max_size // 10
        while (used := used_bytes(connection)) > goal:
            count = connection.execute("SELECT count(*) FROM spans").fetchone()[0]
            share = max(1, min(_ROWS_AT_ONCE, count * (used - goal) // used + 1))
            rows = connection.execute(
                "DELETE FROM spans WHERE rowid IN (SELECT rowid FROM spans ORDER BY start_time LIMIT ?)", (share,)
            ).rowcount
            deleted += rows
            # Counts are no older than the spans that are left, so that they can never be what fills the file.
            oldest = connection.execute("SELECT min(start_time) FROM spans").fetchone()[0]
            forget_calls(connection, _LAST if oldest is None else oldest)
            if not rows:
                break
    return deleted


def give_back(connection: sqlite3.Connection) -> None:
    """Cut free pages off the file, a bounded number at a time."""
    if _pragma(connection, "freelist_count"):
        connection.execute(f"PRAGMA incremental_vacuum({_PAGES_AT_ONCE})").fetchall()


def wipe(connection: sqlite3.Connection) -> None:
    """Have nothing of what was deleted stay in the journal; where a reader holds it, the next time does."""
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def used_bytes(connection: sqlite3.Connection) -> int:
    """Return how many bytes of the database hold something."""
    pages = _pragma(connection, "page_count") - _pragma(connection, "freelist_count")
    return pages * _pragma(connection, "page_size")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
