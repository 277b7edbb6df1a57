"""Delivers to a SQLite file that the viewer, and anybody else, can query."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import Any

from tracing_proxies.delivery.sinks import local_fork
from tracing_proxies.delivery.sinks.local_calls import CallMinute, keep_calls
from tracing_proxies.delivery.sinks.local_retention import delete_older_than, give_back, shrink_to, wipe
from tracing_proxies.delivery.sinks.local_schema import COLUMNS, StoreRefused, open_store
from tracing_proxies.delivery.sinks.protocol import Health, Outcome
from tracing_proxies.delivery.text import clean, to_json
from tracing_proxies.recording.observation import Observation

RETENTION_NS = 7 * 24 * 3600 * 10**9
MAX_SIZE = 512 * 2**20
_AGE_CHECK_EVERY = 60.0
_SIZE_CHECK_EVERY = 1.0
_REPROBE_AFTER = 30.0
_PATIENCE = 0.5
_MAX_INTEGER = 2**63 - 1
_WRITTEN = (*COLUMNS, "app_root", "service_name", "trace_state")
# Nothing is written as 0, which none of these columns holds else: sqlite3 looks for an adapter of each None, 1 us each.
_MAY_BE_NULL = (
    *("parent_observation_id", "status_message", "input", "output", "model", "user_id", "session_id"),
    *("release", "version", "trace_state"),
)
_VALUES = f"({', '.join('NULLIF(?, 0)' if name in _MAY_BE_NULL else '?' for name in _WRITTEN)})"
_INSERT = f"INSERT OR REPLACE INTO spans ({', '.join(_WRITTEN)}) VALUES {_VALUES}"
_INSERTS = [(together, f"{_INSERT}{f', {_VALUES}' * (together - 1)}") for together in (16, 4, 1)]
"""How many rows one statement writes; sqlite3 asks for the interpreter's lock after each statement."""

_BAD_ROW = (
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    sqlite3.DataError,
    sqlite3.IntegrityError,
    OverflowError,
    ValueError,
)

_inherited: list[sqlite3.Connection] = []
"""A parent's connections that were busy during the fork, kept from being closed: SQLite forbids a child even that."""


class LocalSink:
    """Writes observations to a SQLite database in WAL mode, which several processes may share.

    Args:
        path: of the database file; its directory is made when it is missing.
        retention_ns: how long spans are kept, in nanoseconds.
        max_size: bytes that the database may use; above it the oldest spans go first.
        name: the sink's name in accounts and status.
        linger: seconds that spans may be collected for one transaction.
        busy_timeout: seconds to wait for another process's transaction.
        now_ns: the wall clock, in nanoseconds.
    """

    def __init__(
        self,
        path: str | Path,
        retention_ns: int = RETENTION_NS,
        max_size: int = MAX_SIZE,
        *,
        name: str = "local",
        linger: float = 0.1,
        busy_timeout: float = 5.0,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.name = name
        self.linger = linger
        self.path = Path(path)
        self._retention_ns = retention_ns
        self._max_size = max_size
        self._busy_timeout = busy_timeout
        self._now_ns = now_ns
        self.lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._pid = 0
        self._health = Health()
        self._next_age_check = 0.0
        self._next_size_check = 0.0
        self._closed = False
        local_fork.guard(self)

    def __repr__(self) -> str:
        return f"LocalSink({str(self.path)!r})"

    def health(self) -> Health:
        """Return whether the last batch was written, and what was wrong."""
        return self._health

    def write(self, batch: Sequence[Observation]) -> Outcome:
        """Write the batch in one transaction; a full, locked or refused file leaves it all remaining."""
        with self.lock:
            return self._write(batch)

    def keep(self, minute: CallMinute) -> bool:
        """Write down what was counted of calls, recorded or not; nobody waits for it for longer than half a second.

        Returns:
            Whether that could be done; what has come since can be told together with it the next time.
        """
        lock = self.lock
        if not lock.acquire(timeout=_PATIENCE):
            return False
        try:
            connection = self._open()
            connection.execute(f"PRAGMA busy_timeout={int(min(_PATIENCE, self._busy_timeout) * 1e3)}")
            keep_calls(connection, minute)
            connection.execute(f"PRAGMA busy_timeout={int(self._busy_timeout * 1e3)}")
            return True
        except (StoreRefused, sqlite3.Error, OSError):
            self._abandon()
            return False  # the spans that the file does not take either say why
        finally:
            if self._closed:
                self._abandon()
            lock.release()

    def _abandon(self) -> None:
        with suppress(sqlite3.Error):
            self.release()

    def tend(self) -> float | None:
        """Delete what has become too old though nothing new is written.

        Returns:
            Seconds until that may be due again, None while no database is open.
        """
        with self.lock:
            connection = self._connection
            if connection is None or self._pid != os.getpid() or not self.path.exists():
                return None
            self._tidy(connection)
            return max(0.01, self._next_age_check - time.monotonic())

    def close(self) -> None:
        """Close the database."""
        with self.lock:
            self._closed = True
            self.release()

    def release(self) -> None:
        """Close the database; for whoever holds ``lock``."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if self._pid != os.getpid():
            _inherited.append(connection)
            return
        connection.close()

    def _write(self, batch: Sequence[Observation]) -> Outcome:
        try:
            connection = self._open()
            delivered, dropped = _insert(connection, batch)
            self._health = Health()
            self._tidy(connection)
        except StoreRefused as exc:
            return self._postpone(batch, str(exc), _REPROBE_AFTER)
        except sqlite3.OperationalError as exc:
            busy = "locked" in str(exc)  # SQLite's own short texts: "database is locked", "database or disk is full"
            return self._postpone(batch, f"{self.path}: {exc}", None if busy else _REPROBE_AFTER)
        except (sqlite3.Error, OSError) as exc:
            return self._postpone(batch, f"{self.path}: {_told(exc)}", _REPROBE_AFTER)
        return Outcome(delivered=delivered, dropped={"rejected": dropped} if dropped else {})

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None and (self._pid != os.getpid() or not self.path.exists()):
            self.release()  # a forked child opens its own; a file that was deleted is made anew
        if self._connection is None:
            self._connection = open_store(self.path, busy_timeout=self._busy_timeout)
            self._pid = os.getpid()
        return self._connection

    def _postpone(self, batch: Sequence[Observation], reason: str, pause: float | None) -> Outcome:
        self._health = Health(ok=False, reason=reason)
        try:
            self.release()
        except sqlite3.Error as exc:
            self._health = Health(ok=False, reason=f"{reason}; {_told(exc)}")
        return Outcome(remaining=batch, retry_after=pause, reachable=pause is None, reason=reason)

    def _tidy(self, connection: sqlite3.Connection) -> None:
        now = time.monotonic()
        try:
            if now >= self._next_age_check:
                self._next_age_check = now + min(_AGE_CHECK_EVERY, max(1.0, self._retention_ns / 1e9))
                if delete_older_than(connection, max(0, self._now_ns() - self._retention_ns)):
                    wipe(connection)
                give_back(connection)
            if now >= self._next_size_check:
                self._next_size_check = now + _SIZE_CHECK_EVERY
                if shrink_to(connection, self._max_size):
                    give_back(connection)
        except sqlite3.Error as exc:  # the spans are written; tidying comes round again
            self._health = Health(ok=False, reason=f"{self.path}: old spans were not deleted: {_told(exc)}")


def _insert(connection: sqlite3.Connection, batch: Sequence[Observation]) -> tuple[int, int]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        dropped = 0
        try:
            # No slices are needed: SQLite does without the interpreter's lock for most of the time that a row takes.
            rows = map(_row, batch)
            left = len(batch)
            for together, statement in _INSERTS:
                whole, left = divmod(left, together)
                if whole:
                    connection.executemany(statement, (tuple(chain(*islice(rows, together))) for _ in range(whole)))
        except _BAD_ROW:
            dropped = _insert_singly(connection, batch)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return len(batch) - dropped, dropped


def _insert_singly(connection: sqlite3.Connection, batch: Sequence[Observation]) -> int:
    # REPLACE makes repeating harmless for those that executemany had written before it met the bad one.
    dropped = 0
    for observation in batch:
        try:
            connection.execute(_INSERT, _row(observation, repair=True))
        except _BAD_ROW:
            dropped += 1
    return dropped


def _row(observation: Observation, *, repair: bool = False) -> tuple[Any, ...]:
    # By place: to ask a named tuple for each of its fields takes twice as long.
    (trace_id, span_id, parent, name, kind, start, end, level, status, given, result) = observation[:11]
    (metadata, model, usage, user, session, tags, trace_name, environment, release, version) = observation[11:21]
    (weight, app_root, service, state, more) = observation[21:]
    row = (
        trace_id,
        span_id,
        0 if parent is None else parent,
        name,
        kind,
        min(start, _MAX_INTEGER),
        min(end, _MAX_INTEGER),
        level,
        0 if status is None else status,
        0 if given is None else given,
        0 if result is None else result,
        to_json({**metadata, **(more or {})}) if metadata or more else "{}",
        0 if model is None else model,
        to_json(usage) if usage else "{}",
        0 if user is None else user,
        0 if session is None else session,
        _write_tags(tags) if tags else "[]",
        trace_name,
        environment,
        0 if release is None else release,
        0 if version is None else version,
        weight,
        1 if app_root else 0,
        service,
        0 if state is None else state,
    )
    if repair:  # sqlite3 raises for lone surrogates; looking for them in every text would double the cost of a row
        return tuple(clean(value) if type(value) is str else value for value in row)
    return row


@lru_cache(maxsize=512)
def _write_tags(tags: tuple[str, ...]) -> str:
    return to_json(tags)


def _told(exc: BaseException) -> str:
    if isinstance(exc, OSError) and exc.errno:
        return os.strerror(exc.errno)
    return f"{type(exc).__name__}: {exc}" if isinstance(exc, sqlite3.Error) else type(exc).__name__
