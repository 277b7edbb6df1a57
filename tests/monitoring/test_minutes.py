"""Exact counts reach the local store, whatever is recorded, and once each."""

from __future__ import annotations

from pathlib import Path

import attrs

import tracing_proxies
from tests.monitoring import shop
from tests.monitoring.conftest import Trace
from tests.monitoring.conftest import shop as registry
from tracing_proxies.delivery.sinks.local_calls import MINUTE, CallMinute
from tracing_proxies.monitoring.calls import CALLS, DURATION
from tracing_proxies.monitoring.distribution import Distribution
from tracing_proxies.monitoring.minutes import Minutes
from tracing_proxies.monitoring.numbers import Numbers
from tracing_proxies.viewer.agents import read_agents
from tracing_proxies.viewer.exact import read_exact
from tracing_proxies.viewer.selection import Selection
from tracing_proxies.viewer.store import open_for_reading

RULES = """
trace:
  - { match: tests.monitoring.shop:handle, root: true, sample: 20%, observation: chain }
  - { match: tests.monitoring.shop:Agent.decide, observation: agent, name: "decider" }
  - { match: tests.monitoring.shop:Agent.framework, observation: agent, name: "decider" }
  - { match: tests.monitoring.shop:lookup, observation: tool, name: "{function}" }
"""
FAR = 2**62


@attrs.define
class Store:
    told: list[CallMinute] = attrs.field(factory=list)
    takes: bool = True

    def keep(self, minute: CallMinute) -> bool:
        if self.takes:
            self.told = [one for one in self.told if one.began != minute.began] + [minute]
        return self.takes

    def calls(self) -> dict[int, int]:
        return {one.began // MINUTE: sum(part.calls for part in one.sums) for one in self.told}


def counted(calls: int, failed: int = 0) -> Numbers:
    labels = "shop:price", "price", "tool"
    counters = {(CALLS, (*labels, "ok")): calls - failed, (CALLS, (*labels, "error")): failed}
    return Numbers(counters, {}, {(DURATION, labels): Distribution.of_sizes([1000.0] * calls)})


def test_each_minute_is_told_what_was_counted_in_it() -> None:
    store, now = Store(), [0]
    minutes = Minutes(lambda: [store], list, lambda: now[0])
    for moment, calls in ((1, 3), (2, 5), (60, 5), (61, 9), (125, 10)):
        now[0] = moment * 10**9
        minutes.note(counted(calls, calls // 2))
    assert store.calls() == {0: 5, 1: 4, 2: 1}
    assert sum(part.failed for one in store.told for part in one.sums) == 5
    assert {one.process for one in store.told} == {store.told[0].process}


def test_what_a_store_does_not_take_is_told_later_and_not_lost() -> None:
    store, now = Store(), [0]
    minutes = Minutes(lambda: [store], list, lambda: now[0])
    for moment, calls, takes in ((1, 3, True), (50, 5, False), (70, 9, False), (130, 9, True), (131, 10, True)):
        now[0], store.takes = moment * 10**9, takes
        minutes.note(counted(calls))
    assert store.calls() == {0: 9, 2: 1}


def test_a_forked_child_tells_of_its_own_calls_under_another_name() -> None:
    store = Store()
    minutes = Minutes(lambda: [store], list, lambda: 0)
    minutes.note(counted(5))
    first = store.told[0].process
    minutes.after_fork()
    minutes.note(counted(2))
    assert store.calls() == {0: 2}
    assert store.told[0].process != first


def test_a_sampled_application_leaves_exact_counts_of_its_agents_and_tools(trace: Trace, tmp_path: Path) -> None:
    path = tmp_path / "traces.db"
    trace(registry(f"export: {{ local: {{ path: {path} }} }}\nsampling: {{ budget: unlimited }}\n", RULES))
    for number in range(100):
        try:
            shop.handle(number)
        except LookupError:
            continue
    tracing_proxies.deactivate()
    # Each event asks two agents, the second one only where the first did not fail; a framework's call is no other one.
    with open_for_reading(path) as connection:
        found = read_exact(connection, 0, FAR)
        assert {name: (calls.calls, calls.failed) for name, calls in found.items()} == {
            ("agent", "decider"): (180, 20),
            ("tool", "lookup"): (180, 20),
        }
        agents = read_agents(connection, Selection(), FAR, compare=False)["agents"]
    (agent,) = agents
    assert (agent["basis"], agent["calls"], agent["failed"]) == ("exact", 180, 20)
    assert 0 < agent["p50"] <= agent["p95"] <= agent["p99"]
    assert agent["seen"] < 180
    (tool,) = agent["tools"]
    assert (tool["name"], tool["basis"], tool["calls"], tool["failed"]) == ("lookup", "exact", 180, 20)
