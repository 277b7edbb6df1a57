"""What was counted within the last minutes and hours: changes, kept fine for ten minutes and coarse for two hours."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from itertools import chain
from typing import Final

import attrs

from tracing_proxies.monitoring.distribution import Distribution
from tracing_proxies.monitoring.numbers import Numbers, Series
from tracing_proxies.monitoring.slots import ClosedSlot, Names, OpenSlot, Slot

FINE_STEP = 5.0
FINE_KEPT = 600.0
COARSE_STEP = 120.0
COARSE_KEPT = 7_200.0
_FINE_OPEN: Final = 66  # those of five minutes at least: what alerts look at unless they are told otherwise
_COARSE_OPEN: Final = 1


@attrs.define(eq=False, repr=False)
class _Ring:
    """Slots of one width, the oldest first.

    Args:
        step: how many seconds a slot holds.
        kept: for how many seconds slots are kept.
        open: how many of the latest slots stay open: what is read all the time is read faster so.
    """

    step: float
    kept: float
    open: int
    slots: deque[OpenSlot] = attrs.field(factory=deque)
    closed: deque[ClosedSlot] = attrs.field(factory=deque)

    def add(self, start: float, stop: float, change: Numbers, names: Names) -> None:
        if not self.slots or stop - self.slots[-1].start > self.step:
            if self.slots:
                self.slots[-1].rest()
            self.slots.append(OpenSlot(start, stop))
            if len(self.slots) > self.open:
                self.closed.append(ClosedSlot(self.slots.popleft(), names))
        self.slots[-1].add(stop, change)
        while self.closed and self.closed[0].stop < stop - self.kept:
            self.closed.popleft()
        while not self.closed and self.slots[0].stop < stop - self.kept:
            self.slots.popleft()

    def latest(self) -> Iterator[Slot]:
        """Return all slots, the latest first."""
        return chain(reversed(self.slots), reversed(self.closed))

    def between(self, start: float, stop: float) -> list[Slot]:
        """Return the slots whose middle lies between two moments, the oldest first."""
        found: list[Slot] = []
        for slot in self.latest():
            middle = (slot.start + slot.stop) / 2
            if middle <= start:
                break
            if middle <= stop:
                found.append(slot)
        found.reverse()
        return found

    def first(self) -> float:
        """Return when the first slot begins."""
        slots = self.closed or self.slots
        return slots[0].start if slots else math.inf


@attrs.frozen(eq=False, repr=False)
class Stretch:
    """What was counted within a stretch of time.

    Args:
        seconds: how long the stretch is that is known of; shorter than asked for where counting began later.
    """

    seconds: float
    slots: tuple[Slot, ...]

    def counted(self, series: Series) -> float:
        """Return by how much a counter has grown."""
        return sum([slot.counted(series) for slot in self.slots])

    def numbers(self) -> Numbers:
        """Return all that was counted."""
        found = Numbers()
        for slot in self.slots:
            slot.add_to(found)
        return found

    def distribution(self, series: Series) -> Distribution:
        """Return what was added to a distribution."""
        found = Distribution()
        for slot in self.slots:
            more = slot.distribution(series)
            if more is not None:
                found.take(more)
        return found


class Windows:
    """Keeps changes of numbers for a while.

    Args:
        start: when counting began, in seconds of a clock that does not go back.
    """

    def __init__(self, start: float) -> None:
        self._last = self._named = start
        self._names = Names()
        self._rings = (_Ring(FINE_STEP, FINE_KEPT, _FINE_OPEN), _Ring(COARSE_STEP, COARSE_KEPT, _COARSE_OPEN))

    def add(self, now: float, change: Numbers) -> None:
        """Keep what was counted since the last time."""
        start, self._last = self._last, max(now, self._last)
        if self._last - self._named > COARSE_KEPT:  # series that are no longer counted go with the last slots of theirs
            self._names, self._named = Names(), self._last
        for ring in self._rings:
            ring.add(start, self._last, change, self._names)

    def stretch(self, window: float, before: float = 0.0) -> Stretch:
        """Return what was counted within a window that ended at the last look, or some time before it.

        Args:
            window: its length in seconds; a slot belongs to the window that holds the middle of it.
            before: how many seconds before the last look it ended.
        """
        stop = self._last - before
        start = stop - window
        fine, coarse = self._rings
        reaches = fine.first() <= max(start, coarse.first())
        ring = fine if reaches and window + before <= FINE_KEPT else coarse
        slots = tuple(ring.between(start, stop))
        if not slots:  # shorter than a slot: that in which it ends, which says itself how long it is
            slots = tuple(slot for slot in ring.latest() if slot.start < stop <= slot.stop)
        seconds = slots[-1].stop - slots[0].start if slots else 0.0
        return Stretch(seconds, slots)
