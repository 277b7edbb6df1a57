"""Copies some traces out of a store, so that every view of them can be made as of a store of their own."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Final

from tracing_proxies.delivery.sinks.local_calls import HOUR
from tracing_proxies.delivery.sinks.local_schema import SCHEMA
from tracing_proxies.recording.observation import Observation
from tracing_proxies.viewer.exact import has_counts

# What another library said of its spans is kept within their metadata.
_FIELDS: Final = tuple(field for field in Observation._fields if field != "attributes")
_COLUMNS: Final = ", ".join(_FIELDS)
_MEANWHILE: Final = "began > :first - :hour AND began <= :last AND began + lasts > :first"
_INSERT: Final = f"INSERT OR REPLACE INTO spans ({_COLUMNS}) VALUES ({', '.join('?' * len(_FIELDS))})"


@contextmanager
def excerpt(
    connection: sqlite3.Connection, trace_ids: Iterable[str], *, counted: bool = False
) -> Iterator[sqlite3.Connection]:
    """Open a store in memory that holds only these traces.

    Args:
        counted: also take what was counted of all calls from the start of the first of them to that of the last.
    """
    with closing(sqlite3.connect(":memory:")) as copy:
        copy.row_factory = sqlite3.Row
        copy.executescript(SCHEMA)
        for trace_id in trace_ids:
            rows = connection.execute(f"SELECT {_COLUMNS} FROM spans WHERE trace_id = ?", (trace_id,))
            copy.executemany(_INSERT, (tuple(row) for row in rows))
        if counted and has_counts(connection):
            first, last = copy.execute("SELECT min(start_time), max(start_time) FROM spans").fetchone()
            bounds = {"first": first, "last": last, "hour": HOUR}
            _copy(connection, copy, f"calls WHERE {_MEANWHILE}", bounds)
            _copy(connection, copy, "called", {})
        yield copy


def _copy(connection: sqlite3.Connection, copy: sqlite3.Connection, meant: str, values: dict[str, int | None]) -> None:
    rows = [tuple(row) for row in connection.execute(f"SELECT * FROM {meant}", values)]
    table = meant.partition(" ")[0]
    if rows:
        copy.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)
