"""A destination that fails is left alone for longer and longer, but probed often at first."""

from __future__ import annotations

from tracing_proxies.delivery.backoff import Backoff


def test_the_first_ten_minutes_are_probed_every_three_seconds_at_the_latest() -> None:
    now = 0.0
    backoff = Backoff(clock=lambda: now, uniform=lambda low, high: high)
    delays = []
    for _ in range(12):
        delays.append(backoff.fail())
    assert delays[:3] == [0.5, 1.0, 2.0]
    assert max(delays) == 3.0
    now = 601.0
    assert backoff.fail() == 60.0


def test_success_forgets_the_failures() -> None:
    backoff = Backoff(clock=lambda: 0.0, uniform=lambda low, high: high)
    backoff.fail()
    backoff.fail()
    backoff.succeed()
    assert backoff.failures == 0
    assert backoff.fail() == 0.5
