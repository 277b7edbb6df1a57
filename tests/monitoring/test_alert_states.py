"""An alert goes from inactive by way of pending to firing and back, on a virtual clock, and tells each of it once."""

from __future__ import annotations

import os

import attrs
import pytest

from tests.monitoring.virtual import STEP, Shop, World
from tracing_proxies.registry.alert_rules import SHIPPED, AlertRule

HOURS = int(os.environ.get("HEALTHY_HOURS", "4"))
LAG = AlertRule("lag", "delivery_lag", "above", 60.0, hold=60.0, cool_down=600.0)
SLOW = AlertRule("slow", "agent_latency_p95", "rises", 0.5, window=60.0, baseline=600.0, hold=30.0, at_least=10)


def state_of(world: World) -> str:
    return str(world.alerts.status()[0]["state"])


def test_a_wrong_value_is_told_after_its_time_and_its_end_at_once() -> None:
    world = World(LAG, delivery_lag=1.0)
    assert world.run(600) == []
    assert world.run(60, delivery_lag=90.0) == []
    assert state_of(world) == "pending"
    assert world.run(STEP) == ["firing lag"]
    assert world.run(300) == []
    assert world.run(STEP, delivery_lag=1.0) == ["resolved lag"]
    assert state_of(world) == "inactive"


def test_a_value_that_is_wrong_for_a_moment_only_is_not_told() -> None:
    world = World(LAG, delivery_lag=90.0)
    for _ in range(20):
        assert world.run(45, delivery_lag=90.0) == []
        assert world.run(STEP, delivery_lag=1.0) == []


def test_without_a_time_to_wait_it_is_told_at_once() -> None:
    assert World(attrs.evolve(LAG, hold=0.0)).run(STEP, delivery_lag=90.0) == ["firing lag"]


def test_what_goes_on_is_told_again_after_the_cool_down_unless_it_is_acknowledged() -> None:
    world = World(LAG, delivery_lag=90.0)
    assert world.run(1_000) == ["firing lag"] * 2
    assert world.alerts.acknowledge("lag") == ["lag"]
    assert world.run(3_600) == []
    assert world.alerts.status()[0]["acknowledged"]
    assert world.run(STEP, delivery_lag=1.0) == ["resolved lag"]
    assert world.run(120, delivery_lag=90.0) == ["firing lag"]
    assert not world.alerts.status()[0]["acknowledged"]


def test_what_comes_and_goes_is_told_once_in_a_cool_down() -> None:
    world = World(LAG)
    told: list[str] = []
    for _ in range(4):
        told += world.run(90, delivery_lag=90.0) + world.run(30, delivery_lag=1.0)
    assert told == ["firing lag", "resolved lag"]


def test_only_what_fires_can_be_acknowledged() -> None:
    world = World(LAG, delivery_lag=1.0)
    world.run(60)
    assert world.alerts.acknowledge("lag") == world.alerts.acknowledge("nonsense") == []


def test_what_is_resolved_by_hand_is_quiet_for_a_cool_down_and_comes_back_if_it_is_still_wrong() -> None:
    world = World(LAG, delivery_lag=90.0)
    world.run(120)
    labels, events = world.alerts.resolve("lag")
    assert labels == ["lag"]
    assert [(event.what, event.why) for event in events] == [("resolved", "by hand")]
    assert world.run(500) == []
    assert world.run(200) == ["firing lag"]


def test_what_is_not_known_neither_fires_nor_resolves_until_it_has_been_unknown_for_long() -> None:
    world = World(LAG, delivery_lag=None)
    assert world.run(3_600) == []
    assert world.run(120, delivery_lag=90.0) == ["firing lag"]
    assert world.run(LAG.window, delivery_lag=None) == []
    assert state_of(world) == "firing"
    assert world.run(120) == ["resolved lag"]


def test_each_agent_is_judged_by_itself() -> None:
    rule = AlertRule("errors", "agent_error_rate", "above", 0.1, hold=0.0)
    world = World(rule, **{"agent_error_rate": 0.0, "agent_error_rate/b": 0.5})
    world.metrics.agents = ["a", "b"]
    world.run(STEP)
    assert {alert["subject"]: alert["state"] for alert in world.alerts.status()} == {"a": "inactive", "b": "firing"}
    assert world.alerts.acknowledge("errors/a") == []
    assert world.alerts.acknowledge("errors") == ["errors/b"]


def test_of_many_agents_a_bounded_number_is_watched() -> None:
    world = World(AlertRule("errors", "agent_error_rate", "above", 0.1, hold=0.0), agent_error_rate=0.0)
    world.metrics.agents = [str(agent) for agent in range(1_000)]
    world.run(STEP)
    assert len(world.alerts.status()) == 200


def test_a_baseline_is_learnt_before_anything_is_compared_with_it() -> None:
    world = World(SLOW)
    assert world.run(120, agent_latency_p95=1.0) == []
    assert world.run(60, agent_latency_p95=9.0) == [], "two minutes say nothing of what is usual"


def test_what_is_far_from_its_baseline_fires_and_what_lasts_becomes_the_baseline() -> None:
    world = World(SLOW)
    assert world.run(900, agent_latency_p95=1.0) == []
    assert world.run(300, agent_latency_p95=1.4) == []
    assert world.run(120, agent_latency_p95=2.5) == ["firing slow"]
    assert world.run(900) == ["resolved slow"]


def test_few_calls_say_nothing() -> None:
    world = World(SLOW, agent_latency_p95=1.0)
    world.run(900)
    world.metrics.calls = 9
    assert world.run(120, agent_latency_p95=9.0) == []
    world.metrics.calls = 10
    assert world.run(120) == ["firing slow"]


def test_a_rule_that_has_changed_begins_anew_and_the_others_keep_their_state() -> None:
    other = attrs.evolve(LAG, name="other")
    world = World(LAG, other, delivery_lag=90.0)
    world.run(120)
    events = world.alerts.follow((attrs.evolve(LAG, limit=200.0), other))
    assert [(event.rule.name, event.what, event.why) for event in events] == [
        ("lag", "resolved", "the rule has changed")
    ]
    assert {alert["name"]: alert["state"] for alert in world.alerts.status()} == {"lag": "inactive", "other": "firing"}


@pytest.mark.parametrize("seed", range(HOURS))
def test_a_healthy_hour_fires_none_of_the_shipped_alerts(seed: int) -> None:
    assert Shop(seed).run(2 * 3_600) == []


def test_in_the_same_shop_a_slow_agent_a_failing_one_and_a_lack_of_calls_fire_and_resolve() -> None:
    shop = Shop(1)
    assert shop.run(2_700) == []
    shop.scale[0], shop.failing[1] = 3.0, 0.5
    assert set(shop.run(900)) == {"firing agent_latency agent-0", "firing agent_errors agent-1"}
    shop.scale[0], shop.failing[1] = 1.0, 0.01
    assert set(shop.run(900)) == {"resolved agent_latency agent-0", "resolved agent_errors agent-1"}
    shop.rates[0] = 1.0
    assert shop.run(900) == ["firing throughput_drop"]
    shop.rates[0] = 3.0
    assert shop.run(900) == ["resolved throughput_drop"]


def test_every_shipped_rule_says_in_words_what_is_wrong_and_how_bad_it_is() -> None:
    assert len(SHIPPED) == 11
    for name, rule in SHIPPED.items():
        assert rule.name == name
        assert rule.summary
        assert rule.tell == ("log",)
