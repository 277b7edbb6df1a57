"""Counts of calls in the local store: kept by minute and then by hour, and no longer than spans."""

from __future__ import annotations

import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.delivery.support import observation
from tracing_proxies.delivery.sinks.local import LocalSink
from tracing_proxies.delivery.sinks.local_calls import HOUR, MINUTE, CallMinute, CallName, CallSum, unpack
from tracing_proxies.delivery.sinks.local_retention import shrink_to

DAY = 20_000 * 24 * HOUR
NAMES = (CallName("shop:price", "tool", "price", within=False),)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "traces.db"


def sink_at(path: Path, **arguments: Any) -> LocalSink:
    return LocalSink(path, **{"retention_ns": 10**30, **arguments})


def minute(number: int, calls: int, process: str = "one", target: str = "shop:price") -> CallMinute:
    sums = [CallSum(target, calls, calls // 2, calls * 1000, {number % 7: calls})]
    return CallMinute(DAY + number * MINUTE, process, sums, NAMES)


def rows(path: Path, query: str = "SELECT * FROM calls") -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def test_a_process_takes_back_what_it_has_said_of_a_minute_and_leaves_what_others_say(path: Path) -> None:
    sink = sink_at(path)
    for told in (minute(0, 3), minute(0, 5), minute(0, 10, "other"), minute(1, 7)):
        assert sink.keep(told)
    assert rows(path, "SELECT began, process, calls FROM calls ORDER BY 1, 2") == [
        (DAY, "one", 5), (DAY, "other", 10), (DAY + MINUTE, "one", 7),
    ]  # fmt: skip
    assert rows(path, "SELECT target, type, name, within, seen FROM called") == [
        ("shop:price", "tool", "price", 0, DAY + MINUTE)
    ]
    sink.close()


def test_minutes_become_hours_and_nothing_is_lost_by_it(path: Path) -> None:
    sink = sink_at(path)
    told = [minute(number, number + 1, process) for number in range(0, 300, 5) for process in ("one", "two")]
    for one in told:
        assert sink.keep(one)
    late = minute(7, 1000, "late")  # of an hour that is put together already
    assert sink.keep(late)
    assert sink.keep(minute(300, 1))
    sums = [one.sums[0] for one in (*told, late, minute(300, 1))]
    expected = (
        sum(one.calls for one in sums), sum(one.failed for one in sums), sum(one.taken for one in sums)
    )  # fmt: skip
    assert rows(path, "SELECT sum(calls), sum(failed), sum(taken) FROM calls") == [expected]
    sizes: Counter[int] = Counter()
    for (packed,) in rows(path, "SELECT sizes FROM calls"):
        sizes.update(unpack(packed))
    assert sizes == sum((Counter(one.sizes) for one in sums), Counter[int]())
    hours = rows(path, f"SELECT began, process FROM calls WHERE lasts = {HOUR} ORDER BY began")
    assert hours == [(DAY + hour * HOUR, "") for hour in range(3)]
    assert rows(path, f"SELECT min(began) FROM calls WHERE lasts = {MINUTE}") == [(DAY + 3 * HOUR,)]
    sink.close()


def test_counts_are_kept_no_longer_than_spans(path: Path) -> None:
    now = DAY + 3 * HOUR
    sink = sink_at(path, retention_ns=HOUR, now_ns=lambda: now)
    for number in (0, 100, 119, 120, 179):
        assert sink.keep(minute(number, 1))
    assert sink.write([observation(start_time=now)]).delivered == 1
    assert rows(path, "SELECT began FROM calls ORDER BY began") == [(DAY + n * MINUTE,) for n in (120, 179)]
    sink.close()


def test_a_store_that_is_too_large_forgets_counts_with_the_spans_of_their_time(path: Path) -> None:
    sink = sink_at(path)
    for hour in range(4):
        spans = [observation(start_time=DAY + hour * HOUR + n, input="x" * 2000) for n in range(50)]
        assert sink.write(spans).delivered == 50
        assert sink.keep(minute(hour * 60, 1))
    sink.close()
    connection = sqlite3.connect(path, isolation_level=None)
    assert shrink_to(connection, 200_000) > 100
    oldest = connection.execute("SELECT min(start_time) FROM spans").fetchone()[0]
    assert connection.execute("SELECT count(*), min(began) > ? FROM calls", (oldest - HOUR,)).fetchone() == (1, 1)
    connection.close()


def test_a_store_that_another_process_holds_is_told_later(path: Path) -> None:
    sink = sink_at(path, busy_timeout=0.0)
    assert sink.keep(minute(0, 1))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert not sink.keep(minute(0, 2))
    other.execute("ROLLBACK")
    other.close()
    assert sink.keep(minute(0, 3))
    assert rows(path, "SELECT calls FROM calls") == [(3,)]
    sink.close()


def test_a_sink_that_is_closed_takes_the_last_counts_and_holds_nothing_open(path: Path) -> None:
    sink = sink_at(path)
    assert sink.write([observation()]).delivered == 1
    sink.close()
    assert sink.keep(minute(0, 1))
    assert not path.with_name(f"{path.name}-wal").exists()  # SQLite removes it with the last connection
    assert rows(path, "SELECT calls FROM calls") == [(1,)]
