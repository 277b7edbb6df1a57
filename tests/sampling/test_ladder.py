"""Steps and the host's load: down at once, up when it has been calm, each step told once."""

from __future__ import annotations

import logging
import math

import attrs
import pytest

from tracing_proxies.sampling.controller import Controller
from tracing_proxies.sampling.host import HostLoad, host_load
from tracing_proxies.sampling.ladder import STEPS, Ladder, step_of
from tracing_proxies.sampling.learning import Work
from tracing_proxies.sampling.plan import Plan

FULL = Plan()

TICK = 0.1


def plan_of(step: int) -> Plan:
    """Return a plan that stands on a step."""
    changes = [{}, {"capture": 0.5}, {"capture": 0.0}, {"capture": 0.0, "record": 0.0}]
    changes.append({**changes[3], "error": 0.0})
    return attrs.evolve(FULL, **changes[step])


def test_each_step_is_named_by_what_is_lost() -> None:
    assert [step_of(plan_of(step)) for step in range(5)] == list(range(5))
    assert STEPS == ("full", "payload thinned", "skeleton", "errors only", "counts only")


def test_steps_down_are_told_at_once_and_steps_up_after_ten_calm_seconds() -> None:
    told: list[tuple[str, str]] = []
    ladder = Ladder(lambda before, now: told.append((before, now)))
    ladder.follow(plan_of(3), 1.0)
    assert told == [("full", "errors only")]
    for tick in range(100):
        ladder.follow(plan_of(1), 1.1 + tick * TICK)
    assert ladder.name == "errors only"
    ladder.follow(plan_of(1), 11.2)
    assert told[1:] == [("errors only", "payload thinned")]
    assert (ladder.descents, ladder.since) == (1, 11.2)


def test_a_plan_that_comes_and_goes_is_told_once() -> None:
    told: list[tuple[str, str]] = []
    ladder = Ladder(lambda before, now: told.append((before, now)))
    for tick in range(3_000):
        ladder.follow(plan_of(tick // 50 % 2 * 2), tick * TICK)  # five seconds each
    assert told == [("full", "skeleton")]


@pytest.mark.parametrize("jump", [3_600.0, -3_600.0])
def test_a_jump_of_the_clock_does_not_hold_a_step(jump: float) -> None:
    ladder = Ladder(lambda before, now: None)
    ladder.follow(plan_of(2), 5_000.0)
    ladder.follow(FULL, 5_001.0)
    for tick in range(102):
        ladder.follow(FULL, 5_001.0 + jump + tick * TICK)
    assert ladder.name == "full"


def host_of(*loads: float | None) -> HostLoad:
    """Make what reads these loads, one after the other."""
    left = list(loads)
    return HostLoad(lambda: left.pop(0))


@pytest.mark.parametrize(
    ("load", "factor"), [(0.0, 1.0), (0.7, 1.0), (0.75, 0.82), (0.825, 0.55), (0.95, 0.1), (1.0, 0.1), (None, 1.0)]
)
def test_a_busy_host_lowers_the_budget(load: float | None, factor: float) -> None:
    assert host_of(load).factor(0.0) == pytest.approx(factor)


def test_an_overload_ends_when_it_has_been_calm_for_ten_seconds() -> None:
    host = host_of(0.91, 0.5, 0.5, 0.8, 0.5, 0.5, 0.5)
    factors = [host.factor(now) for now in (0.0, 1.0, 9.0, 10.0, 12.0, 21.9, 22.0)]
    assert factors[:6] == pytest.approx([0.244, *[1 / 3] * 5], abs=1e-3)
    assert factors[6] == 1.0


@pytest.mark.parametrize("jump", [3_600.0, -3_600.0])
def test_a_jump_of_the_clock_does_not_hold_an_overload(jump: float) -> None:
    host = host_of(0.95, 0.5, *[0.5] * 12)
    host.factor(5_000.0)
    host.factor(5_001.0)
    assert [host.factor(5_002.0 + jump + second) for second in range(12)][-1] == 1.0


def test_the_load_of_this_host_is_a_share() -> None:
    read = host_load()
    assert read() is None  # nothing to compare with
    sum(math.sqrt(number) for number in range(300_000))
    load = read()
    assert load is None or 0.0 <= load <= 1.0


@pytest.mark.parametrize(("load", "said"), [(0.97, True), (0.3, False)])
def test_the_log_says_where_the_host_is_the_reason(load: float, said: bool, caplog: pytest.LogCaptureFixture) -> None:
    now, cpu = [0.0], [0.0]
    controller = Controller(0.01, clock=lambda: now[0], worker=lambda: Work(cpu[0], 0, 0), host=HostLoad(lambda: load))
    with caplog.at_level(logging.WARNING, "tracing_proxies"):
        for tick in range(40):
            if tick > 22:  # the host is looked at every two seconds
                controller.roots += 1_000
                controller.recorded(20_000, captured=True)
                cpu[0] += 0.01
            now[0] += TICK
            controller.step()
    assert caplog.messages
    assert "of a budget of 1.00%" in caplog.messages[-1]
    assert ("the host is 97% busy" in caplog.messages[-1]) == said
