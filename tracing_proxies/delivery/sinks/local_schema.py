"""The local store's tables, and how a file becomes one or is refused."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

from tracing_proxies.errors import TracingProxiesError

APPLICATION_ID = 0x54505258  # "TPRX": tells our files from other SQLite files
SCHEMA_VERSION = 3
COLUMNS = (
    "trace_id",
    "id",
    "parent_observation_id",
    "name",
    "type",
    "start_time",
    "end_time",
    "level",
    "status_message",
    "input",
    "output",
    "metadata",
    "model",
    "usage_details",
    "user_id",
    "session_id",
    "tags",
    "trace_name",
    "environment",
    "release",
    "version",
    "sampling_weight",
)
"""The public columns of the view ``observations``; metadata, usage_details and tags hold JSON text."""

SCHEMA = f"""
CREATE TABLE IF NOT EXISTS spans (
    trace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    parent_observation_id TEXT,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    start_time INTEGER NOT NULL,
    end_time INTEGER NOT NULL,
    level TEXT NOT NULL,
    status_message TEXT,
    input TEXT,
    output TEXT,
    metadata TEXT NOT NULL,
    model TEXT,
    usage_details TEXT NOT NULL,
    user_id TEXT,
    session_id TEXT,
    tags TEXT NOT NULL,
    trace_name TEXT NOT NULL,
    environment TEXT NOT NULL,
    release TEXT,
    version TEXT,
    sampling_weight REAL NOT NULL,
    app_root INTEGER NOT NULL,
    service_name TEXT NOT NULL,
    trace_state TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS spans_by_trace ON spans (trace_id, id, start_time);
CREATE INDEX IF NOT EXISTS spans_by_start ON spans (start_time);
CREATE INDEX IF NOT EXISTS spans_at_the_top ON spans (start_time) WHERE app_root = 1;
CREATE INDEX IF NOT EXISTS spans_failed ON spans (trace_id) WHERE level = 'ERROR';
CREATE INDEX IF NOT EXISTS spans_warned ON spans (trace_id) WHERE level = 'WARNING';
CREATE INDEX IF NOT EXISTS spans_by_agent ON spans (trace_id, name) WHERE type = 'agent';
CREATE INDEX IF NOT EXISTS spans_of_agents ON spans (start_time) WHERE type = 'agent';
CREATE INDEX IF NOT EXISTS spans_of_tools ON spans (start_time) WHERE type = 'tool';
CREATE VIEW IF NOT EXISTS observations AS SELECT {", ".join(COLUMNS)} FROM spans;
CREATE TABLE IF NOT EXISTS calls (
    began INTEGER NOT NULL,
    lasts INTEGER NOT NULL,
    target TEXT NOT NULL,
    process TEXT NOT NULL,
    calls INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    taken INTEGER NOT NULL,
    sizes TEXT NOT NULL,
    PRIMARY KEY (began, lasts, target, process)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS called (
    target TEXT NOT NULL,
    type TEXT NOT NULL,
    name TEXT NOT NULL,
    within INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    PRIMARY KEY (target, type, name, within)
) WITHOUT ROWID;
"""


class StoreRefused(TracingProxiesError):
    """Says why a file is not used as the local store."""


def open_store(path: Path, *, busy_timeout: float) -> sqlite3.Connection:
    """Open the store at ``path``, creating directory (0700), file (0600) and tables where they are missing.

    Args:
        path: of the database file.
        busy_timeout: seconds to wait for another process's transaction.

    Raises:
        StoreRefused: the file is a link, belongs to another user, is not ours, or is of a newer version.
        OSError: the directory or file cannot be made.
        sqlite3.Error: the database cannot be read.
    """
    _claim_file(path)
    connection = sqlite3.connect(path, timeout=busy_timeout, isolation_level=None, check_same_thread=False)
    try:
        _prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _claim_file(path: Path) -> None:
    if not path.parent.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        # Only a new file is opened here: closing a descriptor of a database that this process has open elsewhere would
        # take that connection's locks away (sqlite.org/howtocorrupt.html, 2.2).
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        pass
    status = os.lstat(path)
    if stat.S_ISLNK(status.st_mode):
        raise StoreRefused(f"{path} is a symbolic link; name the file itself")
    if not stat.S_ISREG(status.st_mode):
        raise StoreRefused(f"{path} is not a regular file")
    if status.st_uid != os.geteuid():
        raise StoreRefused(f"{path} belongs to another user")
    if stat.S_IMODE(status.st_mode) & 0o077:
        os.chmod(path, 0o600)  # SQLite gives the -wal and -shm files the same mode


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("BEGIN")  # one view of the file, while another process may be making its tables
    application_id = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    foreign = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    connection.execute("COMMIT")
    if application_id == APPLICATION_ID and version > SCHEMA_VERSION:
        raise StoreRefused(f"{path} was written by a newer version (schema {version}, known {SCHEMA_VERSION})")
    if application_id != APPLICATION_ID:
        if application_id or foreign:
            raise StoreRefused(f"{path} is another application's database")
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")  # has an effect in an empty file only
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA journal_size_limit=4194304")
    connection.execute("PRAGMA temp_store=MEMORY")
    connection.execute("PRAGMA cache_size=-512")  # KiB, not 2 MiB: it only writes, and heaps keep room for all of it
    connection.execute("PRAGMA secure_delete=ON")  # what has been kept long enough is overwritten, not only let go
    if application_id != APPLICATION_ID or version < SCHEMA_VERSION:
        # The first version had no trace state; a column that is added at the end costs nothing. The second had an index
        # by name, which nothing has used and every span has paid for.
        known = {row[1] for row in connection.execute("PRAGMA table_info(spans)")}
        older = "ALTER TABLE spans ADD COLUMN trace_state TEXT; " if known and "trace_state" not in known else ""
        connection.executescript(
            f"BEGIN IMMEDIATE; {older}DROP INDEX IF EXISTS spans_by_name; {SCHEMA}"
            f"PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={SCHEMA_VERSION}; COMMIT;"
        )
