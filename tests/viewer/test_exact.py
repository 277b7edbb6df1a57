"""Exact figures: of the right time, of the right agent, and only where they are exact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.delivery.support import observation
from tracing_proxies.cli.report import newest_traces
from tracing_proxies.delivery.sinks.local import LocalSink
from tracing_proxies.delivery.sinks.local_calls import MINUTE, CallMinute, CallName, CallSum
from tracing_proxies.viewer.agents import read_agents
from tracing_proxies.viewer.exact import read_exact
from tracing_proxies.viewer.excerpt import excerpt
from tracing_proxies.viewer.selection import Selection
from tracing_proxies.viewer.store import open_for_reading

BEGIN = 29_900_000 * MINUTE
SECOND = 10**9


@attrs.frozen
class Store:
    path: Path
    sink: LocalSink

    def count(self, minute: int, *sums: tuple[str, int, int]) -> None:
        told = [CallSum(target, calls, failed, calls * 1000, {600: calls}) for target, calls, failed in sums]
        assert self.sink.keep(CallMinute(BEGIN + minute * MINUTE, "process", told, NAMES))

    def record(self, *spans: dict[str, Any]) -> None:
        assert self.sink.write([observation(**span) for span in spans]).delivered == len(spans)

    def agents(self, since: int, until: int, *, compare: bool = True) -> dict[str, dict[str, Any]]:
        chosen = Selection(since=BEGIN + since * SECOND, until=BEGIN + until * SECOND)
        with open_for_reading(self.path) as connection:
            found = read_agents(connection, chosen, BEGIN + until * SECOND, compare=compare)
        return {agent["name"]: agent for agent in found["agents"]}


NAMES = (
    CallName("shop:Buyer.decide", "agent", "buyer", within=False),
    CallName("shop:framework", "agent", "buyer", within=True),
    CallName("shop:Many.decide", "agent", "east", within=False),
    CallName("shop:Many.decide", "agent", "west", within=False),
    CallName("shop:price", "tool", "price", within=False),
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    sink = LocalSink(tmp_path / "traces.db", retention_ns=10**30)
    yield Store(tmp_path / "traces.db", sink)
    sink.close()


def call(name: str, second: int, kind: str = "agent", **more: Any) -> dict[str, Any]:
    at = BEGIN + second * SECOND
    return {"name": name, "type": kind, "start_time": at, "end_time": at + SECOND, **more}


def test_every_minute_counts_once_in_the_time_or_in_the_one_before(store: Store) -> None:
    for minute in range(10):
        store.count(minute, ("shop:Buyer.decide", 10**minute, minute % 2))
    agent = store.agents(330, 600)["buyer"]  # the sixth minute goes on when the time begins
    assert (agent["basis"], agent["calls"], agent["failed"]) == ("exact", 1_111_100_000, 3)
    assert agent["per_minute"] == pytest.approx(1_111_100_000 / 5)
    assert agent["compared"]
    assert (agent["before"]["calls"], agent["before"]["failed"]) == (11_110, 2)


def test_a_framework_s_call_of_an_agent_is_not_counted_beside_the_agent_s_own(store: Store) -> None:
    store.count(0, ("shop:Buyer.decide", 7, 0), ("shop:framework", 7, 0))
    assert store.agents(0, 60)["buyer"]["calls"] == 7


def test_agents_that_share_a_target_are_estimated(store: Store) -> None:
    store.count(0, ("shop:Many.decide", 1000, 0))
    store.record(call("east", 1, sampling_weight=100.0), call("west", 2))
    found = store.agents(0, 60)
    assert [(found[name]["basis"], found[name]["calls"]) for name in ("east", "west")] == [
        ("weights", 100),
        ("each", 1),
    ]


def test_what_was_counted_of_less_than_was_recorded_is_not_taken(store: Store) -> None:
    store.count(0, ("shop:Buyer.decide", 2, 0))
    store.record(*(call("buyer", second) for second in range(3)))
    agent = store.agents(0, 60)["buyer"]
    assert (agent["basis"], agent["calls"]) == ("each", 3)


@pytest.mark.parametrize(("others", "expected"), [((), ("exact", 90)), ((5, 6), ("weights", 30))])
def test_a_tool_s_count_is_its_agent_s_or_shared_out_by_what_was_recorded(
    store: Store, others: Sequence[int], expected: tuple[str, float]
) -> None:
    store.count(0, ("shop:Buyer.decide", 90, 0), ("shop:price", 90, 0))
    store.record(call("buyer", 0, id="1" * 16, trace_id="1" * 32))
    place = {"trace_id": "1" * 32, "parent_observation_id": "1" * 16, "app_root": False}
    store.record(call("price", 1, "tool", **place), *(call("price", second, "tool") for second in others))
    (tool,) = store.agents(0, 60)["buyer"]["tools"]
    assert (tool["basis"], tool["calls"]) == expected


def test_an_excerpt_holds_the_counts_of_its_time(store: Store) -> None:
    for minute in range(5):
        store.count(minute, ("shop:Buyer.decide", 10**minute, 0))
    store.record(call("buyer", 70), call("buyer", 170))
    with open_for_reading(store.path) as connection:
        chosen = newest_traces(connection, 10)
        with excerpt(connection, chosen, counted=True) as copy:
            assert read_exact(copy, 0, 2**62)["agent", "buyer"].calls == 110
        with excerpt(connection, chosen) as copy:
            assert read_exact(copy, 0, 2**62) == {}


def test_a_store_of_before_has_no_counts(store: Store) -> None:
    store.record(call("buyer", 1))
    for table in ("calls", "called"):
        store.sink._open().execute(f"DROP TABLE {table}")
    assert store.agents(0, 60)["buyer"]["basis"] == "each"
