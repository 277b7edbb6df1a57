"""Distributions: quantiles within 1 % whatever was counted, and merging that loses nothing."""

from __future__ import annotations

import math
import random
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracing_proxies.monitoring.distribution import Distribution, Packed
from tracing_proxies.recording.tally import Tally
from tracing_proxies.sampling.sketch import ACCURACY

SHARES = (0.0, 0.5, 0.9, 0.95, 0.99, 1.0)
_SLACK = 1e-9  # of the logarithm at the edge of a bin
sizes = st.one_of(
    st.integers(1, 100),
    st.integers(1, 10**18),
    st.integers(0, 59).map(lambda power: 2**power),
    # Right at the edges of bins, where a rounding decides which one it is.
    st.integers(0, 1_500).map(lambda place: math.ceil(((1 + ACCURACY) / (1 - ACCURACY)) ** place)),
)


def _adversarial() -> dict[str, list[int]]:
    chance = random.Random(11)
    return {
        "constant": [123_456_789] * 1_000,
        "two ends": [1] * 500 + [10**15] * 500,
        "one outlier": [1_000] * 999 + [10**17],
        "heavy tail": [int(1_000 * chance.paretovariate(0.3)) for _ in range(5_000)],
        "exponentially growing": [int(1.07**power) for power in range(1, 600)],
        "just above and below": [10_000 + chance.choice((-1, 0, 1)) for _ in range(1_000)],
        "log-uniform": [int(math.exp(chance.uniform(0, 40))) for _ in range(5_000)],
        "lognormal": [max(1, int(chance.lognormvariate(15, 4))) for _ in range(5_000)],
        "descending": list(range(5_000, 0, -1)),
        "one": [7],
    }


def _right(values: list[int], share: float) -> int:
    return sorted(values)[int(share * (len(values) - 1))]


def _is_near(found: float | None, right: int) -> bool:
    assert found is not None
    return abs(found - right) <= (ACCURACY + _SLACK) * right


@pytest.mark.parametrize("name", _adversarial())
def test_quantiles_are_within_1_percent_on_adversarial_distributions(name: str) -> None:
    values = _adversarial()[name]
    found = Distribution.of_sizes(values)
    for share in (*SHARES, *(at / 97 for at in range(98))):
        assert _is_near(found.quantile(share), _right(values, share)), (name, share)


@given(st.lists(sizes, min_size=1, max_size=200), st.sampled_from(SHARES))
def test_quantiles_are_within_1_percent_on_any_values(values: list[int], share: float) -> None:
    assert _is_near(Distribution.of_sizes(values).quantile(share), _right(values, share))


@given(st.lists(st.lists(sizes, max_size=40), max_size=6), st.randoms())
def test_merging_is_exact_in_whatever_order(parts: list[list[int]], chance: random.Random) -> None:
    whole = Distribution.of_sizes([size for part in parts for size in part])
    chance.shuffle(parts)
    merged = Distribution()
    for part in parts:
        merged = merged.plus(Distribution.of_sizes(part))
    assert (merged.bins, merged.count, merged.total) == (whole.bins, whole.count, whole.total)


@given(st.lists(sizes, max_size=40), st.lists(sizes, max_size=40))
def test_what_was_added_since_is_what_was_added(before: list[int], since: list[int]) -> None:
    earlier, later = Distribution.of_sizes(before), Distribution.of_sizes(before + since)
    change, right = later.minus(earlier), Distribution.of_sizes(since)
    assert (change.bins, change.count, change.total) == (right.bins, right.count, right.total)


@given(st.lists(st.lists(sizes, max_size=20), min_size=1, max_size=6), st.data())
def test_what_was_added_since_any_moment_is_what_was_added(parts: list[list[int]], data: st.DataObject) -> None:
    moments = [Distribution.of_sizes(parts[0])]
    for part in parts[1:]:
        moments.append(moments[-1].plus(Distribution.of_sizes(part)))
    since = data.draw(st.integers(0, len(parts) - 1))
    change, right = moments[-1].minus(moments[since]), Distribution.of_sizes(list(chain(*parts[since + 1 :])))
    assert (change.bins, change.count, change.total) == (right.bins, right.count, right.total)


def test_what_was_added_is_told_of_what_is_changed_afterwards_too() -> None:
    before = Distribution.of_sizes([5, 5])
    after = before.plus(Distribution.of_sizes([7]))
    after.add(9)
    assert after.minus(before).count == 2
    before.add_all([5])
    assert after.minus(before).count == 1


@given(st.lists(sizes, max_size=60))
def test_what_is_packed_or_sent_comes_back_as_it_was(values: list[int]) -> None:
    found = Distribution.of_sizes(values)
    for again in (Packed(found).unpack(), Distribution.of_plain(found.to_plain())):
        assert (again.bins, again.count, again.total) == (found.bins, found.count, found.total)


@given(st.lists(st.integers(1, 10**15), min_size=1, max_size=60))
def test_a_tallys_own_sketch_has_the_same_bins(durations: list[int]) -> None:
    tally = Tally("m:f")
    for duration in durations:
        tally.count(duration)
    calls, _, sketch = tally.take()
    assert calls == len(durations)
    assert Distribution.of(sketch).bins == Distribution.of_sizes(durations).bins


def test_the_counts_below_bounds_ascend_to_all() -> None:
    chance = random.Random(3)
    values = [int(chance.lognormvariate(12, 2)) + 1 for _ in range(2_000)]
    bounds = [10.0**power for power in range(1, 10)]
    found = Distribution.of_sizes(values).cumulated(bounds)
    assert found == sorted(found)
    for bound, many in zip(bounds, found, strict=True):
        # A value that lies within 1 % of a bound may be told on the other side of it.
        assert sum(value <= bound * 0.99 for value in values) <= many <= sum(value <= bound * 1.01 for value in values)


def test_weights_count_for_many() -> None:
    found = Distribution()
    found.add(1_000, 99.0)
    found.add(1_000_000, 1.0)
    assert found.count == 100
    assert _is_near(found.quantile(0.5), 1_000)
    assert _is_near(found.quantile(1.0), 1_000_000)
    assert Distribution().quantile(0.5) is None
