"""Sketches of durations: every quantile within 1 %, whatever the distribution."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracing_proxies.compiled import hot
from tracing_proxies.monitoring.distribution import Distribution
from tracing_proxies.sampling.sketch import ACCURACY, Sketch

DAY = 86_400 * 10**9
DURATIONS = st.lists(
    st.one_of(st.integers(0, DAY), st.sampled_from([1, 2, 10**3, 10**6, 10**9]), st.integers(0, 100)), max_size=200
)


def sketch_of(durations: list[int]) -> Sketch:
    made = Sketch()
    if durations:
        made.add(durations)
    return made


@given(DURATIONS.filter(bool), st.floats(0, 1))
def test_a_quantile_is_right_within_one_percent(durations: list[int], share: float) -> None:
    found = Distribution.of(sketch_of(durations)).quantile(share)
    exact = max(1, sorted(durations)[int(share * (len(durations) - 1))])
    assert found is not None
    assert abs(found - exact) <= ACCURACY * exact * (1 + 1e-6)


@pytest.mark.parametrize("shape", ["pareto", "two far peaks", "one value", "log-uniform", "powers of the bin"])
def test_a_quantile_is_right_where_distributions_are_adversarial(shape: str) -> None:
    chance = random.Random(5)
    growth = (1 + ACCURACY) / (1 - ACCURACY)
    draw = {
        "pareto": lambda: min(DAY, int(1_000 * chance.paretovariate(0.5))),
        "two far peaks": lambda: chance.choice([1, DAY]),
        "one value": lambda: 123_456_789,
        "log-uniform": lambda: int(10 ** chance.uniform(0, 13.9)),
        "powers of the bin": lambda: max(1, round(growth ** chance.randrange(400, 1_500))),
    }[shape]
    durations = [draw() for _ in range(20_000)]
    sketch, ordered = sketch_of(durations), sorted(durations)
    for share in (0.0, 0.01, 0.5, 0.9, 0.99, 0.999, 1.0):
        exact = ordered[int(share * (len(ordered) - 1))]
        assert Distribution.of(sketch).quantile(share) == pytest.approx(exact, rel=ACCURACY * (1 + 1e-6))
    assert len(sketch.bins) <= 1_700


@given(DURATIONS)
def test_count_and_sum_are_exact(durations: list[int]) -> None:
    sketch = sketch_of(durations)
    assert sketch.count == len(durations)
    assert sketch.total == sum(max(1, duration) for duration in durations)


@given(DURATIONS)
def test_what_has_failed_is_counted_as_well_and_told(durations: list[int]) -> None:
    sketch, failed = Sketch(), [~duration for duration in durations[::3]]
    assert sketch.add([*durations, *failed]) == len(failed)
    together = sketch_of([*durations, *durations[::3]])
    assert (sketch.count, sketch.total, sketch.bins) == (together.count, together.total, together.bins)


@pytest.mark.skipif(hot is None, reason="nothing is compiled here")
@given(st.lists(st.integers(~DAY, DAY) | st.sampled_from([2**62, 2**63, 2**70, ~(2**63)]), max_size=200))
def test_what_is_compiled_counts_exactly_as_its_python_original(durations: list[int]) -> None:
    found, expected = Sketch(), Sketch()
    for _ in range(2):  # the second time on top of the first
        assert found.add(durations) == expected.add_originally(durations)
        assert (found.count, found.total, found.bins) == (expected.count, expected.total, expected.bins)


def test_without_durations_there_is_no_quantile() -> None:
    assert Distribution.of(Sketch()).quantile(0.5) is None
