"""Reads the local store."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from tracing_proxies.delivery.sinks.local_schema import APPLICATION_ID
from tracing_proxies.errors import TracingProxiesError
from tracing_proxies.recording.observation import Observation
from tracing_proxies.viewer.selection import Selection

_MOST_TRACES_TOLD = 500
_MOST_SPANS_SEEN = 20_000


class StoreUnreadable(TracingProxiesError):
    """Says why a file cannot be read as a local store."""


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
        StoreUnreadable: it is no local store, or not for this user to read.
    """
    if not path.is_file():
        raise FileNotFoundError(path)
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?{_mode(path)}", uri=True, timeout=5.0)
    connection.row_factory = sqlite3.Row
    try:
        try:
            connection.execute("PRAGMA query_only = ON")
            ours = connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
        except sqlite3.Error as error:
            raise StoreUnreadable(f"{path}: {error}") from None
        if not ours:
            raise StoreUnreadable(f"{path} is not a store of traces")
        yield connection
    finally:
        connection.close()


def _mode(path: Path) -> str:
    # Reading a database in WAL mode needs its -shm file, which nobody can make in a folder that is not writable; where
    # no -wal file stands beside the database nobody writes to it either.
    still = not os.access(path.parent, os.W_OK) and not Path(f"{path}-wal").exists()
    return "mode=ro&immutable=1" if still else "mode=ro"


def newest_row(connection: sqlite3.Connection) -> int:
    """Return the number of the row that was written last, 0 in an empty store."""
    return int(connection.execute("SELECT coalesce(max(rowid), 0) FROM spans").fetchone()[0])


def traces_after(connection: sqlite3.Connection, row: int) -> list[str]:
    """List the traces that spans were written of after a row, at most 500, of the first 20,000 spans."""
    # With DISTINCT SQLite goes through the whole index by trace, in which there are no repetitions to be found.
    found = connection.execute(f"SELECT trace_id FROM spans WHERE rowid > ? LIMIT {_MOST_SPANS_SEEN}", (row,))
    return list(dict.fromkeys(str(row[0]) for row in found))[:_MOST_TRACES_TOLD]


def tops_after(connection: sqlite3.Connection, row: int, selection: Selection) -> list[str]:
    """List the traces that a selection means and whose top span was written after a row, in the order of that."""
    condition, values = selection.filters()
    found = connection.execute(
        f"SELECT r.trace_id FROM spans r WHERE r.rowid > :row AND +r.app_root = 1 AND {condition} ORDER BY r.rowid",
        {"row": row, **values},
    )
    return list(dict.fromkeys(str(row[0]) for row in found))


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
    columns = ", ".join(field for field in Observation._fields if field != "attributes")
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
    # The store keeps them with the metadata.
    more = {key: row["metadata"].pop(key) for key in list(row["metadata"]) if key.startswith("langfuse.")}
    return Observation(**row, attributes=more or None)


def _decoded(row: dict[str, Any]) -> dict[str, Any]:
    for name in ("input", "output", "metadata", "usage_details", "tags"):
        if row[name] is not None:
            row[name] = json.loads(row[name])
    return row
