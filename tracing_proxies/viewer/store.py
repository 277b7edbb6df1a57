"""Reads the local store."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from tracing_proxies.recording.observation import Observation


@attrs.frozen
class Summary:
    """What a store holds; ``triggers`` are the traces that a trigger of the retail simulation has started."""

    traces: int
    spans: int
    errors: int
    newest: int | None
    triggers: int = 0


@contextmanager
def open_for_reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a store read-only.

    Raises:
        FileNotFoundError: there is no such file.
    """
    if not path.is_file():
        raise FileNotFoundError(path)
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0)
    connection.row_factory = sqlite3.Row
    try:
        yield connection
    finally:
        connection.close()


def summarise(connection: sqlite3.Connection) -> Summary:
    """Count what a store holds."""
    row = connection.execute(
        "SELECT count(DISTINCT trace_id), count(*), sum(level = 'ERROR'), max(start_time), "
        "count(DISTINCT CASE WHEN trace_name LIKE 'simulation.%' THEN trace_id END) FROM observations"
    ).fetchone()
    return Summary(row[0], row[1], row[2] or 0, row[3], row[4])


def read_trace(connection: sqlite3.Connection, trace_id: str) -> list[dict[str, Any]]:
    """Read a trace's observations in the order of their starts; JSON columns are decoded."""
    rows = connection.execute(
        "SELECT * FROM observations WHERE trace_id = ? ORDER BY start_time", (trace_id,)
    ).fetchall()
    return [_decoded(dict(row)) for row in rows]


def read_observations(connection: sqlite3.Connection, since: int, size: int) -> Iterator[list[Observation]]:
    """Read spans as they were delivered to the store, in the order of their starts.

    Args:
        since: nanoseconds since the epoch; earlier starts are left out.
        size: how many make a batch.
    """
    columns = ", ".join(Observation._fields)
    rows = connection.execute(f"SELECT {columns} FROM spans WHERE start_time >= ? ORDER BY start_time", (since,))
    while batch := rows.fetchmany(size):
        yield [_observation(dict(row)) for row in batch]


def count_since(connection: sqlite3.Connection, since: int) -> int:
    """Count the spans that started at or after a moment, in nanoseconds since the epoch."""
    found: int = connection.execute("SELECT count(*) FROM spans WHERE start_time >= ?", (since,)).fetchone()[0]
    return found


def most_telling_trace(connection: sqlite3.Connection) -> str | None:
    """Choose the trace to show first: one in which something failed, and among those the shortest with all types."""
    row = connection.execute(
        "SELECT trace_id FROM observations WHERE trace_name LIKE 'simulation.%' GROUP BY trace_id "
        "ORDER BY count(DISTINCT type) DESC, sum(level = 'ERROR') > 0 DESC, count(*) LIMIT 1"
    ).fetchone()
    return None if row is None else str(row[0])


def _observation(row: dict[str, Any]) -> Observation:
    row["metadata"], row["usage_details"] = json.loads(row["metadata"]), json.loads(row["usage_details"])
    row["tags"], row["app_root"] = tuple(json.loads(row["tags"])), bool(row["app_root"])
    return Observation(**row)


def _decoded(row: dict[str, Any]) -> dict[str, Any]:
    for name in ("input", "output", "metadata", "usage_details", "tags"):
        if row[name] is not None:
            row[name] = json.loads(row[name])
    return row
