"""What was counted within the last minutes and hours: changes, kept fine for ten minutes and coarse for two hours."""

from __future__ import annotations

import math
from collections import deque

import attrs

from tracing_proxies.monitoring.distribution import Distribution, Packed
from tracing_proxies.monitoring.numbers import Numbers, Series

FINE_STEP = 5.0
FINE_KEPT = 600.0
COARSE_STEP = 120.0
COARSE_KEPT = 7_200.0


@attrs.define(eq=False)
class _Slot:
    """What was counted between two moments."""

    start: float
    stop: float
    counters: dict[Series, float] = attrs.field(factory=dict)
    distributions: dict[Series, Packed] = attrs.field(factory=dict)

    def add(self, stop: float, change: Numbers) -> None:
        self.stop = stop
        counters, kept = self.counters, self.distributions
        for series, many in change.counters.items():
            counters[series] = counters.get(series, 0) + many
        for series, found in change.distributions.items():
            known = kept.get(series)
            kept[series] = Packed(found if known is None else known.unpack().plus(found))


@attrs.define(eq=False)
class _Ring:
    """Slots of one width, the oldest first."""

    step: float
    kept: float
    slots: deque[_Slot] = attrs.field(factory=deque)

    def add(self, start: float, stop: float, change: Numbers) -> None:
        if not self.slots or stop - self.slots[-1].start > self.step:
            self.slots.append(_Slot(start, stop))
        self.slots[-1].add(stop, change)
        while self.slots[0].stop < stop - self.kept:
            self.slots.popleft()


@attrs.frozen(eq=False)
class Stretch:
    """What was counted within a stretch of time.

    Args:
        seconds: how long the stretch is that is known of; shorter than asked for where counting began later.
    """

    seconds: float
    slots: tuple[_Slot, ...]

    def counted(self, series: Series) -> float:
        """Return by how much a counter has grown."""
        return sum(slot.counters.get(series, 0) for slot in self.slots)

    def numbers(self) -> Numbers:
        """Return all that was counted."""
        found = Numbers()
        for slot in self.slots:
            for series, many in slot.counters.items():
                found.count(series, many)
            for series, packed in slot.distributions.items():
                found.distribute(series, packed.unpack())
        return found

    def distribution(self, series: Series) -> Distribution:
        """Return what was added to a distribution."""
        found = Distribution()
        for slot in self.slots:
            packed = slot.distributions.get(series)
            if packed is not None:
                found = found.plus(packed.unpack())
        return found


class Windows:
    """Keeps changes of numbers for a while.

    Args:
        start: when counting began, in seconds of a clock that does not go back.
    """

    def __init__(self, start: float) -> None:
        self._last = start
        self._rings = (_Ring(FINE_STEP, FINE_KEPT), _Ring(COARSE_STEP, COARSE_KEPT))

    def add(self, now: float, change: Numbers) -> None:
        """Keep what was counted since the last time."""
        start, self._last = self._last, max(now, self._last)
        for ring in self._rings:
            ring.add(start, self._last, change)

    def stretch(self, window: float, before: float = 0.0) -> Stretch:
        """Return what was counted within a window that ended at the last look, or some time before it.

        Args:
            window: its length in seconds; a slot belongs to the window that holds the middle of it.
            before: how many seconds before the last look it ended.
        """
        stop = self._last - before
        start = stop - window
        fine, coarse = self._rings
        reaches = not fine.slots or fine.slots[0].start <= start or fine.slots[0].start <= _first(coarse)
        ring = fine if reaches and window + before <= FINE_KEPT else coarse
        slots = tuple(slot for slot in ring.slots if start < (slot.start + slot.stop) / 2 <= stop)
        if not slots:  # shorter than a slot: that in which it ends, which says itself how long it is
            slots = tuple(slot for slot in ring.slots if slot.start < stop <= slot.stop)
        seconds = slots[-1].stop - slots[0].start if slots else 0.0
        return Stretch(seconds, slots)


def _first(ring: _Ring) -> float:
    return ring.slots[0].start if ring.slots else math.inf
