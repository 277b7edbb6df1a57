"""What watches a process tells masked texts by each rule's channels, on a thread of its own, and survives failures."""

from __future__ import annotations

import logging
import time
from _thread import get_ident
from collections.abc import Iterator

import attrs
import pytest

from tests.monitoring.receivers import Receiver, http_receiver
from tests.monitoring.virtual import Clock
from tracing_proxies import failures
from tracing_proxies.delivery import native
from tracing_proxies.masking import mask_text
from tracing_proxies.monitoring.alert_judging import Reading
from tracing_proxies.monitoring.alerting import Alerting, Speaker
from tracing_proxies.recording.context import current, suppress
from tracing_proxies.registry.alert_rules import AlertRule, ChannelSettings
from tracing_proxies.registry.alerting import AlertSettings

LAG = AlertRule("lag", "delivery_lag", "above", 60.0, hold=0.0, tell=("log", "ops"), summary="late: ann@shop.example")
OPS = ChannelSettings(name="ops", kind="webhook", secret="OPS")
SPEAKER = Speaker("shop", "prod", mask_text)


class Metrics:
    """What the rules watch, as a test says."""

    def __init__(self) -> None:
        self.value: float | None = 1.0
        self.fails = False
        self.threads: set[str] = set()

    def read(self, rule: AlertRule, subject: str) -> Reading:
        self.threads.add(native.ours().get(get_ident(), "the test"))
        if self.fails:
            raise ZeroDivisionError
        return Reading(self.value)

    def subjects(self, rule: AlertRule) -> list[str]:
        return []


class World:
    """An `Alerting` whose thread does not run, so that a test says when it judges."""

    def __init__(self, receiver: Receiver, *rules: AlertRule) -> None:
        self.metrics, self.clock = Metrics(), Clock()
        self.alerting = Alerting(
            self.metrics, lambda: None, {"OPS": receiver.url("/T0K3N")}, suppress, self.clock, lambda: 5.0
        )
        self.settings = AlertSettings(15.0, rules, (OPS,))
        self.alerting.follow(attrs.evolve(self.settings, every=1e9), SPEAKER)
        self.alerting.close()
        self.alerting._settings = self.settings

    def judge(self, value: float | None) -> float:
        self.metrics.value = value
        self.clock.now += 15.0
        return self.alerting.judge()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with http_receiver() as found:
        yield found


def test_what_is_told_is_masked_and_goes_by_each_channel_of_the_rule(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "tracing_proxies.alerts")
    world = World(receiver, LAG)
    assert world.judge(90.0) == 15.0
    [message] = caplog.messages
    assert message == "[firing] shop/prod: lag: late: [email]: delivery_lag is 90s (above 60s is wrong)"
    [body] = receiver.bodies
    assert b"late: [email]: delivery_lag is 90s" in body
    assert b"ann@" not in body
    world.judge(1.0)
    assert "over after 15 s; delivery_lag is 1s" in caplog.messages[1]
    assert len(receiver.bodies) == 2


def test_it_judges_when_that_is_due_and_wakes_earlier_for_a_channel_that_has_failed(receiver: Receiver) -> None:
    world = World(receiver, LAG)
    receiver.script = [503]
    pause = world.judge(90.0)
    assert 0 < pause <= 0.5
    assert world.alerting.status()["channels"]["ops"]["waiting"] == 1
    world.metrics.threads.clear()
    world.clock.now += pause
    world.alerting.judge()
    assert world.metrics.threads == set(), "what is watched is not looked at before its time"
    assert world.alerting.status()["channels"]["ops"] == {
        "waiting": 0, "sent": 1, "failed": 1, "dropped": 0, "reason": "",
    }  # fmt: skip


def test_metrics_that_cannot_be_read_are_counted_and_the_next_time_is_another_one(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRACING_PROXIES_STRICT", raising=False)
    before = failures.counts().get("alerts", 0)
    world = World(receiver, LAG)
    world.metrics.fails = True
    world.judge(90.0)
    assert failures.counts()["alerts"] == before + 1
    world.metrics.fails = False
    world.judge(90.0)
    assert world.alerting.firing() == ["lag"]


def test_the_secret_is_in_nothing_that_can_be_seen_of_it(receiver: Receiver) -> None:
    world = World(receiver, LAG)
    receiver.script = [404]
    world.judge(90.0)
    status = world.alerting.status()
    assert status["channels"]["ops"]["reason"] == "HTTP 404"
    assert "T0K3N" not in repr(status) + repr(world.settings) + repr(vars(world.alerting)["_outboxes"])


def test_it_runs_on_a_thread_of_its_own_in_which_nothing_is_traced_and_ends_with_the_block() -> None:
    seen: list[bool] = []
    metrics = Metrics()

    def look() -> None:
        seen.append(bool(current()))

    alerting = Alerting(metrics, look, {}, suppress)
    alerting.follow(AlertSettings(0.1, (attrs.evolve(LAG, tell=("log",)),)), SPEAKER)
    ends = time.monotonic() + 20
    while len(seen) < 3 and time.monotonic() < ends:
        time.sleep(0.01)
    assert metrics.threads == {"tracing-alerts"}
    assert all(seen), "the thread has the context of those that are not traced"
    assert "tracing-alerts" in native.ours().values()
    alerting.follow(AlertSettings(), SPEAKER)
    assert "tracing-alerts" not in native.ours().values()


def test_there_is_one_thread_and_none_beside_a_fork_after_which_it_goes_on() -> None:
    alerting = Alerting(Metrics(), lambda: None, {}, suppress)
    alerting.follow(AlertSettings(60.0, (attrs.evolve(LAG, tell=("log",)),)), SPEAKER)

    def threads() -> int:
        return list(native.ours().values()).count("tracing-alerts")

    assert threads() == 1
    alerting.follow(AlertSettings(30.0, (LAG,)), SPEAKER)
    assert threads() == 1, "another registry does not begin another thread"
    alerting.pause()
    assert threads() == 0
    alerting.resume()
    assert threads() == 1
    alerting.close()
    assert threads() == 0
