"""When a destination is left alone, and when it is tried."""

from __future__ import annotations

from typing import Any

import pytest

from tracing_proxies.delivery.backoff import Backoff
from tracing_proxies.delivery.breaker import PROBE_PATIENCE, Breaker


class Time:
    """Stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def breaker(time: Time) -> Breaker:
    backoff = Backoff(time, lambda low, high: high)
    return Breaker(backoff, time, wall=lambda: time.now)


def fail(breaker: Breaker, **arguments: Any) -> bool:
    breaker.attempt()
    return breaker.fail("HTTP 503", **{"reachable": True, "pause": None, **arguments})


def test_passing_trouble_opens_it_at_the_fifth_failure_only(breaker: Breaker) -> None:
    assert [fail(breaker) for _ in range(6)] == [False] * 4 + [True, False]
    assert breaker.status() == {
        "state": "open",
        "since": "1970-01-01T00:16:40+00:00",
        "reason": "HTTP 503",
        "failures": 6,
        "next_probe_in": 3.0,
    }


def test_a_success_in_between_begins_the_count_anew(breaker: Breaker) -> None:
    for _ in range(4):
        fail(breaker)
    breaker.succeed()
    assert not any(fail(breaker) for _ in range(4))


def test_nobody_there_opens_it_at_once(breaker: Breaker) -> None:
    assert fail(breaker, reachable=False)
    assert (breaker.status()["state"], breaker.status()["next_probe_in"]) == ("open", 3.0)


def test_a_probe_is_half_open_and_its_failure_leaves_the_time_of_opening(breaker: Breaker, time: Time) -> None:
    fail(breaker, reachable=False)
    opened = breaker.status()["since"]
    time.now += 3.0
    breaker.attempt()
    assert breaker.status()["state"] == "half-open"
    assert not breaker.fail("HTTP 503", reachable=True, pause=None)
    assert (breaker.status()["state"], breaker.status()["since"]) == ("open", opened)


def test_only_a_success_closes_it(breaker: Breaker, time: Time) -> None:
    fail(breaker, reachable=False)
    time.now += 60.0
    breaker.attempt()
    breaker.succeed()
    assert breaker.status() == {
        "state": "closed",
        "since": "1970-01-01T00:17:40+00:00",
        "reason": "",
        "failures": 0,
        "next_probe_in": None,
    }


def test_an_outage_is_probed_every_two_to_three_seconds_for_ten_minutes_and_up_to_a_minute_apart_after_it(
    breaker: Breaker, time: Time
) -> None:
    began, pauses = time.now, []
    while time.now - began < 1_200:
        fail(breaker, reachable=False)
        pauses.append((time.now - began, breaker.retry_in()))
        time.now += breaker.retry_in()
    assert {pause for at, pause in pauses if at < 600} == {3.0}
    assert {pause for at, pause in pauses if at >= 600} == {60.0}


def test_a_pause_that_was_asked_for_is_kept_by_those_in_a_hurry_as_well(breaker: Breaker) -> None:
    fail(breaker, pause=30.0)
    breaker.hurry()
    assert breaker.retry_in() == 30.0
    fail(breaker)
    breaker.hurry()
    assert breaker.retry_in() == 0.0


def patiences(breaker: Breaker, time: Time, *, until: float) -> list[float | None]:
    began, found = time.now, []
    while time.now - began < until:
        time.now += breaker.retry_in()
        breaker.attempt()
        found.append(breaker.patience())
        breaker.fail("no answer", reachable=False, pause=None)
    return found


def test_a_probe_does_not_hang_as_long_as_a_request_may_and_a_slow_server_is_given_time_in_the_end(
    breaker: Breaker, time: Time
) -> None:
    breaker.attempt()
    assert breaker.patience() is None, "a request of every day"
    breaker.fail("no answer", reachable=False, pause=None)
    assert set(patiences(breaker, time, until=54)) == {PROBE_PATIENCE}
    patiences(breaker, time, until=6)
    later = patiences(breaker, time, until=300)
    assert (later.count(None), later.count(PROBE_PATIENCE)) == (20, 80)
    patiences(breaker, time, until=300)
    assert set(patiences(breaker, time, until=600)) == {None}, "when there are minutes between them"


def test_after_a_pause_of_minutes_the_server_is_given_its_time(breaker: Breaker, time: Time) -> None:
    fail(breaker, reachable=False, pause=300.0)
    time.now += 300
    breaker.attempt()
    assert breaker.patience() is None
