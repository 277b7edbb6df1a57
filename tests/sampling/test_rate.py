"""Rates: about as many calls are kept as were asked for, and their weights add up to all of them."""

from __future__ import annotations

import math
import random
import statistics

import pytest

from tracing_proxies.sampling.rate import Rate

MINUTE = 60 * 10**9


class Clock:
    def __init__(self) -> None:
        self.now = 10**15

    def __call__(self) -> int:
        return self.now


def drive(seed: int, wanted: float, calls_by_minute: list[int]) -> list[list[float]]:
    """Return the weights of the calls that were kept, by minute."""
    clock, chance = Clock(), random.Random(seed)
    rate = Rate(wanted, MINUTE, clock)
    kept: list[list[float]] = []
    for calls in calls_by_minute:
        weights = []
        for _ in range(calls):
            clock.now += MINUTE // max(calls, 1)
            p = rate.probability()
            assert 0.0 < p <= 1.0
            if chance.random() < p:
                weights.append(1 / p)
        kept.append(weights)
    return kept


def test_fewer_calls_than_wanted_are_all_kept() -> None:
    assert [len(weights) for weights in drive(1, 5, [3, 5, 0, 4])] == [3, 5, 0, 4]


def test_a_steady_stream_is_kept_at_the_wanted_rate() -> None:
    kept = [len(weights) for seed in range(60) for weights in drive(seed, 5, [600] * 6)[1:]]
    assert statistics.mean(kept) == pytest.approx(5, rel=0.15)


def test_a_burst_after_silence_keeps_no_more_than_the_logarithm_of_its_size() -> None:
    kept = [len(drive(seed, 5, [0, 0, 10_000])[2]) for seed in range(30)]
    assert statistics.mean(kept) < 5 * (1 + math.log(10_000 / 5)) * 1.2


def test_the_weights_add_up_to_all_calls_without_bias() -> None:
    """z over 300 seeds of a load that rises tenfold, falls to nothing and comes back."""
    load = [40, 400, 400, 0, 0, 40, 900, 10]
    errors = [sum(map(sum, drive(seed, 5, load))) - sum(load) for seed in range(300)]
    z = statistics.mean(errors) / (statistics.stdev(errors) / math.sqrt(len(errors)))
    assert abs(z) < 3.5


@pytest.mark.parametrize("jump", [60 * MINUTE, -60 * MINUTE, 10**6 * MINUTE])
def test_a_jump_of_the_clock_does_no_harm(jump: int) -> None:
    clock = Clock()
    rate = Rate(5, MINUTE, clock)
    for _ in range(1_000):
        rate.probability()
    clock.now += jump
    assert 0.0 < rate.probability() <= 1.0
    for _ in range(2_000):
        clock.now += MINUTE // 1_000
        p = rate.probability()
    assert p == pytest.approx(5 / 1_000, rel=0.1)
