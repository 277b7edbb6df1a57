"""The local store: schema, permissions, retention, several processes."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.delivery.support import START, observation, observations, wait_until
from tracing_proxies.delivery.ledger import Ledger
from tracing_proxies.delivery.pipeline import Pipeline
from tracing_proxies.delivery.sinks.local import LocalSink
from tracing_proxies.delivery.sinks.local_schema import COLUMNS, SCHEMA_VERSION
from tracing_proxies.delivery.sinks.protocol import Outcome

FOREVER = 10**30


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "traces" / "local.db"


INDEXES = {
    "spans_by_trace", "spans_by_start", "spans_at_the_top", "spans_failed", "spans_warned", "spans_by_agent",
    "spans_of_agents", "spans_of_tools",
}  # fmt: skip


def sink_at(path: Path, **arguments: Any) -> LocalSink:
    return LocalSink(path, **{"retention_ns": FOREVER, **arguments})


def rows(path: Path, query: str = "SELECT * FROM observations ORDER BY start_time") -> list[sqlite3.Row]:
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_public_columns_are_exactly_these(path: Path) -> None:
    sink = sink_at(path)
    sink.write([observation()])
    assert tuple(rows(path)[0].keys()) == COLUMNS
    assert len(COLUMNS) == 22
    indexed = {row["name"] for row in rows(path, "SELECT name FROM sqlite_master WHERE type = 'index'")}
    assert indexed - {"sqlite_autoindex_calls_1", "sqlite_autoindex_called_1"} == INDEXES
    assert rows(path, "PRAGMA user_version")[0][0] == SCHEMA_VERSION
    assert rows(path, "PRAGMA journal_mode")[0][0] == "wal"
    sink.close()


def test_a_store_of_the_first_version_gets_the_indexes_and_the_column_that_it_lacks(path: Path) -> None:
    sink_at(path).write([observation()])
    connection = sqlite3.connect(path)
    for index in INDEXES - {"spans_by_trace", "spans_by_start"}:
        connection.execute(f"DROP INDEX {index}")
    connection.execute("CREATE INDEX spans_by_name ON spans (name, start_time)")
    for table in ("calls", "called"):
        connection.execute(f"DROP TABLE {table}")
    connection.execute("ALTER TABLE spans DROP COLUMN trace_state")
    connection.execute("PRAGMA user_version=1")
    connection.close()
    assert sink_at(path).write([observation()]).delivered == 1
    indexed = rows(path, "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'spans'")
    assert {row["name"] for row in indexed} == INDEXES
    assert rows(path, "SELECT * FROM calls") == []
    assert rows(path, "PRAGMA user_version")[0][0] == SCHEMA_VERSION
    assert len(rows(path)) == 2


def test_every_field_can_be_read_back(path: Path) -> None:
    sent = observation(
        parent_observation_id="00000000000000aa",
        level="ERROR",
        status_message="out of stock",
        metadata={"plain": "text", "nested": {"a": [1, None, 1.5]}},
        model="gpt-x",
        usage_details={"input": 10},
        user_id="u",
        session_id="s",
        tags=("a", "b"),
        release="r",
        version="v",
        sampling_weight=4.0,
    )
    sink = sink_at(path)
    assert sink.write([sent]) == Outcome(delivered=1)
    (row,) = rows(path)
    for column in COLUMNS:
        expected = getattr(sent, column)
        if column in ("metadata", "usage_details", "tags"):
            assert json.loads(row[column]) == (list(expected) if column == "tags" else expected)
        else:
            assert row[column] == expected
    sink.close()


def test_the_last_one_of_the_same_identity_wins(path: Path) -> None:
    sink = sink_at(path)
    first = observation(name="first")
    again = observation(trace_id=first.trace_id, id=first.id, start_time=first.start_time, name="second")
    later = observation(trace_id=first.trace_id, id=first.id, start_time=first.start_time + 1, name="third")
    sink.write([first])
    sink.write([again, later])
    assert [row["name"] for row in rows(path)] == ["second", "third"]
    sink.close()


def test_only_the_owner_may_read(path: Path) -> None:
    old = os.umask(0)
    try:
        sink = sink_at(path)
        sink.write([observation()])
    finally:
        os.umask(old)
    assert mode(path.parent) == 0o700
    assert {mode(file) for file in path.parent.iterdir()} == {0o600}
    sink.close()


def test_a_file_that_others_could_read_is_closed_to_them(path: Path) -> None:
    path.parent.mkdir()
    path.touch(mode=0o644)
    sink = sink_at(path)
    sink.write([observation()])
    assert mode(path) == 0o600
    sink.close()


def test_a_symbolic_link_is_refused(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir()
    target = tmp_path / "elsewhere.db"
    path.symlink_to(target)
    sink = sink_at(path)
    outcome = sink.write(observations(2))
    assert len(outcome.remaining) == 2
    assert not outcome.reachable
    assert "symbolic link" in sink.health().reason
    assert not target.exists()


def test_another_applications_database_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE accounts (id)")
    connection.close()
    before = path.read_bytes()
    sink = sink_at(path)
    assert len(sink.write([observation()]).remaining) == 1
    assert "another application" in sink.health().reason
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_file_that_is_no_database_is_left_alone(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    sink = sink_at(path)
    assert len(sink.write([observation()]).remaining) == 1
    assert not sink.health().ok
    assert path.read_bytes() == content


def test_a_store_of_a_newer_version_is_refused(path: Path) -> None:
    sink = sink_at(path)
    sink.write([observation()])
    sink.close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    connection.close()
    assert len(sink.write([observation()]).remaining) == 1
    assert "newer version" in sink.health().reason


def test_a_store_that_was_deleted_is_made_anew(path: Path) -> None:
    sink = sink_at(path)
    sink.write([observation()])
    for file in path.parent.iterdir():
        file.unlink()
    assert sink.write([observation()]) == Outcome(delivered=1)
    assert len(rows(path)) == 1
    sink.close()


def test_a_store_that_another_process_holds_is_tried_again(path: Path) -> None:
    sink = sink_at(path, busy_timeout=0.05)
    sink.write([observation()])
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    outcome = sink.write(observations(2))
    assert len(outcome.remaining) == 2
    assert outcome.reachable
    other.execute("ROLLBACK")
    other.close()
    assert sink.write(outcome.remaining).delivered == 2
    assert len(rows(path)) == 3
    assert sink.health().ok
    sink.close()


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.touch()
    sink = sink_at(blocker / "below" / "local.db")
    assert len(sink.write([observation()]).remaining) == 1
    assert not sink.health().ok


def test_hostile_text_is_repaired_and_a_hopeless_row_dropped_alone(path: Path) -> None:
    batch = [
        observation(name="\ud800", input='"\udfff"', metadata={"\udc00": "\udc00", "huge": 10**40}),
        observation(start_time=2**80, end_time=2**80),
        observation(level=None),
        observation(name="nul \x00 inside"),
    ]
    sink = sink_at(path)
    assert sink.write(batch) == Outcome(delivered=3, dropped={"rejected": 1})
    assert sorted(row["name"] for row in rows(path))[-1] == "nul \x00 inside"
    (repaired,) = (row for row in rows(path) if row["name"] == r"\ud800")
    assert json.loads(repaired["input"]) == "\udfff"
    assert json.loads(repaired["metadata"])["huge"] == 10**40
    sink.close()


def test_what_is_older_than_the_retention_is_deleted(path: Path) -> None:
    sink = LocalSink(path, retention_ns=1_000, now_ns=lambda: START + 10_000)
    sink.write([observation(start_time=START, end_time=START), observation(start_time=START + 9_500)])
    assert [row["start_time"] for row in rows(path)] == [START + 9_500]
    sink.close()


def test_above_its_size_the_store_forgets_the_oldest(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracing_proxies.delivery.sinks.local._SIZE_CHECK_EVERY", 0.0)
    sink = sink_at(path, max_size=2_000_000)
    sent = [observations(50, input=json.dumps("x" * 2_000)) for _ in range(60)]
    for batch in sent:
        sink.write(batch)
    kept = [row["id"] for row in rows(path)]
    everything = [o.id for batch in sent for o in batch]
    assert 300 < len(kept) < len(everything)
    assert kept == everything[-len(kept) :]
    sink.close()
    assert path.stat().st_size <= 2_500_000


WRITER = """
import sys
from tests.delivery.support import observation
from tracing_proxies.delivery.sinks.local import LocalSink
path, worker = sys.argv[1], int(sys.argv[2])
sink = LocalSink(path, retention_ns=10**30)
for number in range(20):
    batch = [observation(trace_id=f"{worker:032x}", id=f"{number * 100 + i + 1:016x}") for i in range(25)]
    left = batch
    while left:
        left = sink.write(left).remaining
sink.close()
"""


def test_several_processes_write_at_once_from_the_first_moment_on(path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(number)]) for number in range(1, 5)]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0, 0, 0]
    assert rows(path, "SELECT count(*) FROM observations")[0][0] == 4 * 20 * 25
    assert rows(path, "PRAGMA integrity_check")[0][0] == "ok"


def everything(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in path.parent.iterdir() if file.is_file())


def test_nothing_of_what_was_kept_long_enough_is_left_in_any_byte(path: Path) -> None:
    now = [START]
    sink = LocalSink(path, retention_ns=10**9, now_ns=lambda: now[0])
    sink.write([observation(start_time=START + n, input=json.dumps(f"old-{n} " + "x" * 3_000)) for n in range(200)])
    assert b"old-17 " in everything(path)
    now[0] += 10**10
    sink._next_age_check = 0.0
    sink.write([observation(start_time=now[0], input='"young"')])
    assert b"old-" not in everything(path)
    assert b"young" in everything(path)
    sink.close()


def test_an_idle_process_deletes_what_becomes_too_old(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracing_proxies.delivery.sinks.local._AGE_CHECK_EVERY", 0.05)
    now = [START]
    sink = LocalSink(path, retention_ns=10**9, now_ns=lambda: now[0])
    pipeline = Pipeline([sink], lambda span: span, ledger=Ledger())
    try:
        pipeline.put(observation(start_time=START))
        assert pipeline.flush(10)
        assert len(rows(path)) == 1
        now[0] += 10**10
        assert wait_until(lambda: not rows(path))
    finally:
        pipeline.close(2)


def test_a_sink_without_an_open_database_has_nothing_to_tend(path: Path) -> None:
    sink = LocalSink(path)
    assert sink.tend() is None
    sink.write([observation()])
    assert sink.tend() is not None
    path.unlink()
    assert sink.tend() is None
    sink.close()
