"""Copies some traces out of a store, so that every view of them can be made as of a store of their own."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Final

from tracing_proxies.delivery.sinks.local_schema import SCHEMA
from tracing_proxies.recording.observation import Observation

# What another library said of its spans is kept within their metadata.
_FIELDS: Final = tuple(field for field in Observation._fields if field != "attributes")
_COLUMNS: Final = ", ".join(_FIELDS)
_INSERT: Final = f"INSERT OR REPLACE INTO spans ({_COLUMNS}) VALUES ({', '.join('?' * len(_FIELDS))})"


@contextmanager
def excerpt(connection: sqlite3.Connection, trace_ids: Iterable[str]) -> Iterator[sqlite3.Connection]:
    """Open a store in memory that holds only these traces."""
    with closing(sqlite3.connect(":memory:")) as copy:
        copy.row_factory = sqlite3.Row
        copy.executescript(SCHEMA)
        for trace_id in trace_ids:
            rows = connection.execute(f"SELECT {_COLUMNS} FROM spans WHERE trace_id = ?", (trace_id,))
            copy.executemany(_INSERT, (tuple(row) for row in rows))
        yield copy
