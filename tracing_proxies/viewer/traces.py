"""Lists traces, newest first, a page at a time, however many there are."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from tracing_proxies.viewer.selection import Selection
from tracing_proxies.viewer.spans import as_share, decode_mapping, shorten

PAGE: Final = 50
_CHUNK: Final = 500
_CHUNK_OF_TEXT: Final = 60
_BUDGET: Final = 0.05
_LONGEST: Final = 160
_NEWEST_SPANS: Final = 5_000
_NEWEST_TRACES: Final = 1_000
_MOST_CHOICES: Final = 200


def read_page(
    connection: sqlite3.Connection,
    selection: Selection,
    cursor: str = "",
    *,
    size: int = PAGE,
    budget: float = _BUDGET,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Any]:
    """Read the next traces of a selection.

    No request takes long: where the filters let little through, the search stops after ``budget`` seconds and says how
    far it came, and the next request goes on from there.

    Args:
        cursor: where the page before ended.

    Returns:
        In plain values, times in milliseconds: ``traces``; ``cursor``, None at the end; and ``searched``, the start of
        the oldest trace that was looked at.
    """
    end = clock() + budget
    found: list[dict[str, Any]] = []
    position = _position(cursor)
    while True:
        reached, matching = _read_chunk(connection, selection, position)
        for row in matching:
            if len(found) == size:
                return _page(found, position)
            found.append(_summarise(connection, row))
            position = (row["start_time"], row["rowid"])
        if reached is None:
            return _page(found, None)
        position = reached
        if len(found) == size or clock() >= end:
            return _page(found, position)


def _page(found: list[dict[str, Any]], position: tuple[int, int] | None) -> dict[str, Any]:
    cursor, searched = (None, None) if position is None else (f"{position[0]}.{position[1]}", position[0] / 1e6)
    return {"traces": found, "cursor": cursor, "searched": searched}


def _position(cursor: str) -> tuple[int, int]:
    start, _, row = cursor.partition(".")
    if start.isascii() and start.isdigit() and row.isascii() and row.isdigit() and len(cursor) < 40:
        return min(int(start), 2**63 - 1), min(int(row), 2**63 - 1)
    return 2**63 - 1, 2**63 - 1


def _read_chunk(
    connection: sqlite3.Connection, selection: Selection, position: tuple[int, int]
) -> tuple[tuple[int, int] | None, list[sqlite3.Row]]:
    """Look at the next top spans before a position; return where that ended, None at the end, and those that match."""
    where, bounds = selection.roots()
    size = _CHUNK_OF_TEXT if selection.searches else _CHUNK
    rows = connection.execute(
        f"SELECT rowid, start_time FROM spans r WHERE {where} AND (start_time, rowid) < (?, ?) "
        f"ORDER BY start_time DESC, rowid DESC LIMIT {size}",
        (*bounds, *position),
    ).fetchall()
    if not rows:
        return None, []
    filters, values = selection.filters()
    looked = (rows[-1]["start_time"], rows[-1]["rowid"])
    values |= {
        "from_start": looked[0],
        "from_row": looked[1],
        "to_start": rows[0]["start_time"],
        "to_row": rows[0]["rowid"],
    }
    matching = connection.execute(
        "SELECT r.rowid, r.trace_id, r.id, r.name, r.type, r.start_time, r.end_time, r.session_id, r.metadata "
        "FROM spans r WHERE r.app_root = 1 AND r.start_time BETWEEN :from_start AND :to_start "
        "AND (r.start_time, r.rowid) >= (:from_start, :from_row) AND (r.start_time, r.rowid) <= (:to_start, :to_row) "
        "AND (r.parent_observation_id IS NULL OR NOT EXISTS (SELECT 1 FROM spans p WHERE p.trace_id = r.trace_id "
        f"AND p.id = r.parent_observation_id)) AND {filters} ORDER BY r.start_time DESC, r.rowid DESC",
        values,
    ).fetchall()
    return (looked if len(rows) == size else None), matching


def read_trace_row(connection: sqlite3.Connection, trace_id: str) -> dict[str, Any] | None:
    """Describe one trace as the list does; None where there is no such trace."""
    row = connection.execute(
        "SELECT rowid, * FROM spans WHERE trace_id = ? ORDER BY app_root DESC, start_time LIMIT 1", (trace_id,)
    ).fetchone()
    return None if row is None else _summarise(connection, row)


def _summarise(connection: sqlite3.Connection, row: sqlite3.Row) -> dict[str, Any]:
    counts = connection.execute(
        "SELECT count(*), sum(level = 'ERROR'), sum(level = 'WARNING'), max(end_time), "
        "group_concat(DISTINCT CASE WHEN type = 'agent' THEN replace(name, ',', ' ') END) "
        "FROM spans WHERE trace_id = ?",
        (row["trace_id"],),
    ).fetchone()
    metadata = decode_mapping(row["metadata"])
    decision = metadata.get("outcome.decision")
    return {
        "id": row["trace_id"],
        "name": row["name"],
        "start": row["start_time"] / 1e6,
        "duration": (max(row["end_time"], counts[3]) - row["start_time"]) / 1e6,
        "session": row["session_id"],
        "source": _told(metadata.get("trigger_source")),
        "intensity": _told(metadata.get("intensity")),
        "status": _told(metadata.get("outcome.status")),
        "decision": _told(decision) if decision else None,
        "confidence": as_share(metadata.get("outcome.confidence")),
        "spans": counts[0],
        "errors": counts[1],
        "warnings": counts[2],
        "agents": sorted(counts[4].split(",")) if counts[4] else [],
    }


def _told(value: Any) -> str | None:
    return None if value is None else shorten(value if isinstance(value, str) else str(value), _LONGEST)


def read_choices(connection: sqlite3.Connection, selection: Selection) -> dict[str, list[str]]:
    """List what can be filtered by: the agents, trigger sources, sessions and names of the newest traces."""
    since = selection.since or 0
    agents = connection.execute(
        "SELECT DISTINCT name FROM (SELECT name FROM spans WHERE type = 'agent' AND start_time >= ? "
        f"ORDER BY start_time DESC LIMIT {_NEWEST_SPANS})",
        (since,),
    )
    roots = connection.execute(
        "SELECT name, session_id, metadata FROM spans WHERE app_root = 1 AND start_time >= ? "
        f"ORDER BY start_time DESC LIMIT {_NEWEST_TRACES}",
        (since,),
    ).fetchall()
    sources = (_told(decode_mapping(row["metadata"]).get("trigger_source")) or row["name"] for row in roots)
    return {
        "agents": _choices(row[0] for row in agents),
        "sources": _choices(sources),
        "sessions": list(dict.fromkeys(row["session_id"] for row in roots if row["session_id"]))[:_MOST_CHOICES],
        "names": _choices(row["name"] for row in roots),
    }


def _choices(names: Iterator[str]) -> list[str]:
    return sorted(set(names))[:_MOST_CHOICES]
