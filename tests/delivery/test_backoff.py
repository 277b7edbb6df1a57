"""How long a destination is left alone."""

from __future__ import annotations

from tracing_proxies.delivery.backoff import Backoff


def delays(count: int, *, step: float, at: float) -> list[float]:
    now = [0.0]
    backoff = Backoff(clock=lambda: now[0], uniform=lambda low, high: low + at * (high - low))
    found = []
    for _ in range(count):
        found.append(backoff.fail())
        now[0] += step
    return found


def test_a_fresh_outage_is_probed_every_two_to_three_seconds() -> None:
    assert delays(8, step=2.0, at=1.0) == [0.5, 1.0, 2.0, 3.0, 3.0, 3.0, 3.0, 3.0]


def test_after_ten_minutes_the_pause_grows_to_a_minute_and_no_further() -> None:
    assert max(delays(30, step=30.0, at=1.0)) == 60.0


def test_what_is_known_to_be_away_is_not_tried_sooner() -> None:
    now = [0.0]
    for at in (0.0, 1.0):
        backoff = Backoff(lambda: now[0], lambda low, high, at=at: low + at * (high - low))
        assert [backoff.fail(probing=True) for _ in range(4)] == [2.0 + at] * 4


def test_the_pause_is_never_nothing() -> None:
    assert min(delays(10, step=100.0, at=0.0)) == 0.05


def test_a_success_forgets_the_outage() -> None:
    backoff = Backoff(clock=lambda: 0.0, uniform=lambda low, high: high)
    for _ in range(6):
        backoff.fail()
    backoff.succeed()
    assert backoff.fail() == 0.5
