"""Every shipped alert fires by a fault that is really injected, and resolves when it is mended.

The application, the recorder, the server, the spool and the metrics are real; only the clock of windows is virtual, so
that minutes pass in no time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import tracing_proxies
from tests.contract.server import ContractServer, start_server
from tests.monitoring.virtual import STEP, Clock
from tracing_proxies import budgeting
from tracing_proxies.monitoring.alert_measures import Measures
from tracing_proxies.monitoring.alerts import Alerts
from tracing_proxies.monitoring.collector import MetricsCollector
from tracing_proxies.monitoring.current import monitor
from tracing_proxies.registry.alert_rules import SHIPPED
from tracing_proxies.registry.alerting_assembly import alert_settings
from tracing_proxies.registry.findings import Findings
from tracing_proxies.registry.loader import parse_registry
from tracing_proxies.runtime import _switch

REGISTRY = f"""
version: 1
monitoring: {{{{ interval: off }}}}
sampling: {{{{ budget: unlimited }}}}
export: {{{{ {{export}} }}}}
spool: {{{{ path: spool, max_size: 300KiB }}}}
masking: {{{{ hide: [shelves] }}}}
trace:
  - match: "{__name__}:Agent.run"
    observation: agent
  - match: "{__name__}:Agent.add_up"
    observation: agent
    metadata: {{{{ total: self.total! }}}}
  - match: "{__name__}:Agent.walk"
    observation: agent
  - match: "{__name__}:Agent.look"
    capture: {{{{ input: true, max_items: 100000, max_bytes: 16MiB }}}}
"""
FILL = "tracing_proxies_spool_fill_ratio"


class Agent:
    pause = 0.0

    def run(self, task: object = None, *, fail: bool = False) -> object:
        time.sleep(self.pause)
        if fail:
            raise LookupError("the tool has failed")
        return task

    @property
    def total(self) -> int:
        time.sleep(self.pause)
        return 1

    def walk(self, shelves: list[dict[str, int]]) -> None:
        """Take small steps, each with much to be copied."""
        for _ in range(100):
            self.look(shelves)

    def look(self, shelves: list[dict[str, int]]) -> None:
        """Be one of them."""

    def add_up(self) -> None:
        """Have a total that takes its time to be read."""


class World:
    """A traced application, and the shipped rules over what is collected of it."""

    def __init__(self, folder: Path, export: str = "discard: {}") -> None:
        self.folder = folder
        self.activate(export)
        found = monitor()
        assert found is not None
        self.clock = Clock()
        self.collector = MetricsCollector(found._gather, self.clock)
        self.measures = Measures(self.collector)
        rules = alert_settings({}, Findings()).rules
        self.alerts = Alerts(rules, self.measures.read, self.measures.subjects, self.clock)
        assert {rule.name for rule in rules} == set(SHIPPED)

    def activate(self, export: str = "discard: {}", **changes: str) -> None:
        text = REGISTRY.format(export=export)
        for old, new in changes.items():
            text = text.replace({"budget": "budget: unlimited"}[old], new)
        tracing_proxies.activate(parse_registry(text, base=self.folder))

    def step(self, work: Callable[[], object] = lambda: None) -> list[str]:
        """Let the application work, and fifteen seconds pass."""
        work()
        self.clock.now += STEP
        self.collector.look()
        return [f"{event.what} {event.rule.name}" for event in self.alerts.step()]

    def run(self, seconds: float, work: Callable[[], object] = lambda: None) -> list[str]:
        """Do so for a while."""
        return [told for _ in range(int(seconds / STEP)) for told in self.step(work)]

    def firing(self) -> set[str]:
        return {alert.rule.name for alert in self.alerts.firing()}


@pytest.fixture(autouse=True)
def undone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("TRACING_PROXIES__SAMPLING__BUDGET", raising=False)
    yield
    Agent.pause = 0.0
    tracing_proxies.deactivate()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ContractServer]:
    found = start_server()
    monkeypatch.setenv("LANGFUSE_BASE_URL", found.url)
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", found.public_key)
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", found.secret_key)
    yield found
    found.stop()


def calls(many: int, **arguments: object) -> Callable[[], None]:
    def work() -> None:
        for _ in range(many):
            try:
                Agent().run(**arguments)
            except LookupError:
                pass

    return work


def delivered(work: Callable[[], None]) -> Callable[[], None]:
    def both() -> None:
        work()
        tracing_proxies.flush(10)

    return both


def test_an_agent_that_fails_fires_and_when_it_is_mended_resolves(tmp_path: Path) -> None:
    world = World(tmp_path)
    assert world.run(600, calls(5)) == []
    assert world.run(300, calls(5, fail=True)) == ["firing agent_errors"]
    assert world.alerts.firing()[0].subject == f"{__name__}:Agent.run"
    assert world.run(600, calls(5)) == ["resolved agent_errors"]


def test_an_agent_that_becomes_slow_fires_and_when_it_is_fast_again_resolves(tmp_path: Path) -> None:
    world = World(tmp_path)
    Agent.pause = 0.0005
    assert world.run(1_500, calls(5)) == []
    Agent.pause = 0.02
    assert world.run(600, calls(5)) == ["firing agent_latency"]
    Agent.pause = 0.0005
    assert world.run(600, calls(5)) == ["resolved agent_latency"]


def test_a_lack_of_calls_fires_and_when_they_come_again_resolves(tmp_path: Path) -> None:
    world = World(tmp_path)
    assert world.run(1_500, calls(5)) == []
    assert world.run(900, calls(2)) == ["firing throughput_drop"]
    assert world.run(600, calls(5)) == ["resolved throughput_drop"]


def test_calls_that_are_not_counted_while_tracing_is_switched_off_are_no_drop(tmp_path: Path) -> None:
    world = World(tmp_path)
    assert world.run(1_500, calls(5)) == []
    _switch(False)
    assert world.run(900, calls(5)) == []
    _switch(True)
    assert world.run(900, calls(5)) == []


def test_recording_that_holds_an_agent_up_fires_and_resolves_since_the_rule_has_stepped_down(tmp_path: Path) -> None:
    world = World(tmp_path)
    assert world.run(60, Agent().add_up) == []
    Agent.pause = 0.12
    assert world.step(Agent().add_up) == ["firing tracing_overhead"]
    Agent.pause = 0.0
    assert world.run(600, Agent().add_up) == ["resolved tracing_overhead"]


def test_small_steps_whose_recording_adds_up_fire_and_when_it_costs_little_resolve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budgeting, "host_load", lambda: lambda: 0.1)  # whatever else this machine does
    world = World(tmp_path)
    world.activate(budget="budget: 100%, max_latency: 10s")
    shelves = [{"stock": at} for at in range(60_000)]
    assert "firing agent_overhead" in world.run(75, lambda: Agent().walk(shelves))
    assert "resolved agent_overhead" in world.run(600, lambda: Agent().walk([]))


def test_a_clock_that_is_not_the_servers_fires_and_when_it_is_set_resolves(
    tmp_path: Path, server: ContractServer
) -> None:
    world = World(tmp_path, "langfuse: {}")
    assert world.run(60, delivered(calls(3))) == []
    server.rules(clock=-90)
    assert world.run(120, delivered(calls(3))) == ["firing clock_skew"]
    server.rules()
    assert world.run(60, delivered(calls(3))) == ["resolved clock_skew"]


def test_a_server_that_is_down_fires_and_when_it_is_back_resolves(tmp_path: Path, server: ContractServer) -> None:
    world = World(tmp_path, "langfuse: {}")
    assert world.run(60, delivered(calls(3))) == []
    server.stop()
    assert world.run(120, delivered(calls(3))) == ["firing langfuse_unreachable"]
    server.restart()
    assert "resolved langfuse_unreachable" in world.run(30, delivered(calls(3)))
    assert tracing_proxies.status()["delivery"]["dropped"] == {}


def test_spans_that_wait_fire_and_when_they_have_arrived_resolve(tmp_path: Path, server: ContractServer) -> None:
    world = World(tmp_path, "langfuse: {}")
    found = monitor()
    assert found is not None
    found._itself._clock = world.clock  # how long spans have waited goes by the clock of windows, too
    assert world.run(60, delivered(calls(3))) == []
    server.stop()
    assert "firing delivery_lag" in world.run(180, delivered(calls(1)))
    server.restart()
    assert "resolved delivery_lag" in world.run(60, delivered(calls(1)))


def test_a_server_that_refuses_spans_fires_and_when_it_takes_them_resolves(
    tmp_path: Path, server: ContractServer
) -> None:
    def both() -> None:
        Agent().run()
        Agent().add_up()

    world = World(tmp_path, "langfuse: {}")
    assert world.run(60, delivered(both)) == []
    server.rules(poison=["Agent.add_up"])
    assert world.run(180, delivered(both)) == ["firing trace_success"]
    server.rules()
    assert world.run(600, delivered(both)) == ["resolved trace_success"]


def test_a_spool_near_its_cap_fires_and_when_it_is_drained_resolves(tmp_path: Path, server: ContractServer) -> None:
    world = World(tmp_path, "langfuse: {}")
    server.stop()
    ends = time.monotonic() + 30
    while (world.collector.read(FILL, 60.0) or 0.0) < 0.85 and time.monotonic() < ends:
        delivered(calls(3, task=os.urandom(4_000).hex()))()
        world.collector.look()
    assert "firing spool_nearly_full" in world.run(90)
    server.restart()
    told = world.run(120, delivered(calls(1)))
    assert "resolved spool_nearly_full" in told
    assert "spool_nearly_full" not in world.firing()


def test_detail_that_the_budget_takes_away_fires_and_with_a_larger_one_resolves(tmp_path: Path) -> None:
    world = World(tmp_path)
    assert world.run(60, calls(3)) == []
    world.activate(budget="budget: 0.01%")
    found = tracing_proxies.status
    ends = time.monotonic() + 30
    while found()["sampling"]["step"] == "full" and time.monotonic() < ends:
        calls(200)()
        time.sleep(0.05)
    assert world.run(120) == ["firing degraded"]
    world.activate()
    assert world.run(15) == ["resolved degraded"]
