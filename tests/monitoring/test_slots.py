"""Slots: what is closed tells the same as what is open, in a fraction of the memory."""

from __future__ import annotations

import gc
import random
import tracemalloc
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tracing_proxies.monitoring import windows
from tracing_proxies.monitoring.distribution import Distribution
from tracing_proxies.monitoring.numbers import Numbers, Series
from tracing_proxies.monitoring.slots import ClosedSlot, Names, OpenSlot
from tracing_proxies.monitoring.windows import Windows

CALLS, DURATION = "tracing_proxies_calls_total", "tracing_proxies_call_duration_seconds"
AGENTS = [f"agent{number}" for number in range(6)]
UNKNOWN = (CALLS, ("nobody", "nobody", "agent", "ok"))

_many = st.one_of(
    st.integers(0, 300),
    st.integers(0, 2**70),
    st.integers(-(10**6), -1),
    st.floats(0, 1e12, allow_nan=False),
)
_sizes = st.lists(st.tuples(st.integers(1, 10**18), st.sampled_from([1, 1.0, 0.25, 300, 10**6, 2**70])), max_size=12)


def _distribution(sizes: list[tuple[int, float]]) -> Distribution:
    made = Distribution()
    for size, weight in sizes:
        made.add(size, weight)
    return made


def _numbers(counted: dict[str, float], sizes: dict[str, list[tuple[int, float]]]) -> Numbers:
    made = Numbers()
    for agent, many in counted.items():
        made.count((CALLS, (agent, agent, "agent", "ok")), many)
    for agent, found in sizes.items():
        made.distribute((DURATION, (agent, agent, "agent")), _distribution(found))
    return made


_changes = st.builds(
    _numbers,
    st.dictionaries(st.sampled_from(AGENTS), _many),
    st.dictionaries(st.sampled_from(AGENTS), _sizes),
)


def _plain(found: Distribution | None) -> Any:
    return None if found is None else (repr(found.count), repr(found.total), found.bins)


def _all(numbers: Numbers) -> Any:
    counters = {series: repr(many) for series, many in numbers.counters.items()}  # that 3 is not 3.0
    return counters, {series: _plain(found) for series, found in numbers.distributions.items()}


def _told(slot: OpenSlot | ClosedSlot) -> Any:
    numbers = Numbers()
    slot.add_to(numbers)
    return _all(numbers)


SERIES: list[Series] = [
    UNKNOWN,
    *((CALLS, (agent, agent, "agent", "ok")) for agent in AGENTS),
    *((DURATION, (agent, agent, "agent")) for agent in AGENTS),
]


@given(st.lists(st.lists(_changes, max_size=3), min_size=1, max_size=3))
def test_a_closed_slot_tells_what_the_open_one_did(slots: list[list[Numbers]]) -> None:
    names = Names()
    for start, changes in enumerate(slots):
        slot = OpenSlot(start, start)
        for change in changes:
            slot.add(start + 0.5, change)
        closed = ClosedSlot(slot, names)
        assert (closed.start, closed.stop) == (slot.start, slot.stop)
        assert _told(closed) == _told(slot)
        for series in SERIES:
            assert repr(closed.counted(series)) == repr(slot.counted(series))
            assert _plain(closed.distribution(series)) == _plain(slot.distribution(series))


@given(
    st.lists(st.tuples(st.sampled_from([1.0, 5.0, 7.5, 130.0, 700.0]), _changes), max_size=40),
    st.sampled_from([60.0, 300.0, 450.0, 600.0, 3_600.0]),
    st.sampled_from([0.0, 60.0, 550.0, 3_000.0]),
)
def test_windows_tell_the_same_whether_slots_are_closed_or_not(
    changes: list[tuple[float, Numbers]], window: float, before: float
) -> None:
    closing, open_for_ever = Windows(0.0), Windows(0.0)
    for ring in closing._rings:
        ring.open = 1
    for ring in open_for_ever._rings:
        ring.open = 10**9
    now = 0.0
    for later, change in changes:
        now += later
        for one in (closing, open_for_ever):
            one.add(now, change)
    found, right = (one.stretch(window, before) for one in (closing, open_for_ever))
    assert found.seconds == right.seconds
    assert _all(found.numbers()) == _all(right.numbers())
    for series in SERIES:
        assert repr(found.counted(series)) == repr(right.counted(series))
        assert _plain(found.distribution(series)) == _plain(right.distribution(series))


def _weigh(make: Callable[[], Any]) -> int:
    gc.collect()
    tracemalloc.start()
    try:
        made = make()
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
        del made
    finally:
        tracemalloc.stop()
    return held


def test_closed_slots_take_less_than_half_of_the_memory() -> None:
    chance = random.Random(5)
    labels = [(f"shop:Agent.tool{number}", f"tool{number}", "tool") for number in range(120)]
    changes = []
    for _ in range(20):
        change = Numbers()
        for one in labels:
            for outcome, many in (("ok", chance.randrange(1, 300)), ("error", chance.randrange(1, 3))):
                change.count((CALLS, (*one, outcome)), many)
            durations = [int(chance.lognormvariate(15, 0.5)) for _ in range(20)]
            change.distribute((DURATION, one), Distribution.of_sizes(durations))
        changes.append(change)

    def fill() -> list[OpenSlot]:
        slots = [OpenSlot(0.0, 1.0) for _ in changes]
        for slot, change in zip(slots, changes, strict=True):
            slot.add(1.0, change)
            slot.rest()
        return slots

    def close() -> list[ClosedSlot]:
        names = Names()
        return [ClosedSlot(slot, names) for slot in fill()]

    assert _weigh(close) < 0.5 * _weigh(fill)


def test_series_that_are_no_longer_counted_are_forgotten_with_the_last_of_their_slots() -> None:
    found = Windows(0.0)
    gone, lasting = SERIES[1], SERIES[2]
    for look in range(int(3 * windows.COARSE_KEPT / windows.COARSE_STEP)):
        change = Numbers()
        change.count(lasting, 1)
        if not look:
            change.count(gone, 7)
        found.add((look + 1) * windows.COARSE_STEP, change)
    slots = found.stretch(windows.COARSE_KEPT).slots
    held = {id(slot._names): slot._names for slot in slots if isinstance(slot, ClosedSlot)}
    assert held
    assert all(names.find(gone) == -1 and names.find(lasting) >= 0 for names in held.values())
