"""What was counted between two moments: open while more is added to it, and closed in a third of the memory."""

from __future__ import annotations

import marshal
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, Final

import attrs

from tracing_proxies.monitoring.distribution import Distribution, Packed, unpack
from tracing_proxies.monitoring.numbers import Numbers, Series

_WHOLE: Final = (("B", 1 << 8), ("H", 1 << 16), ("I", 1 << 32), ("Q", 1 << 64))


@attrs.define(eq=False, repr=False)
class OpenSlot:
    """What was counted between two moments, and may be added to."""

    start: float
    stop: float
    counters: dict[Series, float] = attrs.field(factory=dict)
    distributions: dict[Series, Distribution | Packed] = attrs.field(factory=dict)

    def add(self, stop: float, change: Numbers) -> None:
        """Add what was counted up to another moment."""
        self.stop = stop
        counters, kept = self.counters, self.distributions
        for series, many in change.counters.items():
            counters[series] = counters.get(series, 0) + many
        for series, found in change.distributions.items():
            known = kept.get(series)
            kept[series] = found if known is None else _unpacked(known).plus(found)

    def rest(self) -> None:
        """Take less memory, until more is added."""
        kept = self.distributions
        self.distributions = {
            series: found if isinstance(found, Packed) else Packed(found) for series, found in kept.items()
        }

    def counted(self, series: Series) -> float:
        """Return by how much a counter has grown."""
        return self.counters.get(series, 0)

    def distribution(self, series: Series) -> Distribution | None:
        """Return what was added to a distribution; None without any."""
        kept = self.distributions.get(series)
        return None if kept is None else _unpacked(kept)

    def add_to(self, numbers: Numbers) -> None:
        """Add all that was counted."""
        for series, many in self.counters.items():
            numbers.count(series, many)
        for series, kept in self.distributions.items():
            numbers.distribute(series, _unpacked(kept))


class Names:
    """Series by a number each, which slots hold in their stead.

    It forgets none, and goes with the last slot that shares it.
    """

    __slots__ = ("_numbers", "series")

    def __init__(self) -> None:
        self._numbers: dict[Series, int] = {}
        self.series: list[Series] = []

    def number(self, series: Series) -> int:
        """Return the number of a series, which it has from now on."""
        known = self._numbers.get(series)
        if known is None:
            known = self._numbers[series] = len(self.series)
            self.series.append(series)
        return known

    def find(self, series: Series) -> int:
        """Return the number of a series; -1 where it has none."""
        return self._numbers.get(series, -1)


class ClosedSlot:
    """What an open slot has come to hold, for reading only.

    Args:
        slot: what was counted.
        names: gives series their numbers; many slots share it.
    """

    __slots__ = ("_bounds", "_counted", "_data", "_keys", "_names", "start", "stop")

    def __init__(self, slot: OpenSlot, names: Names) -> None:
        self.start, self.stop, self._names = slot.start, slot.stop, names
        counted = {names.number(series): many for series, many in slot.counters.items()}
        # Apart, so that each number stays what it is: whole ones are calls, others the weights of sampled spans.
        whole = sorted(key for key, many in counted.items() if isinstance(many, int))
        others = sorted(counted.keys() - set(whole))
        self._counted: tuple[tuple[Sequence[int], Sequence[float]], ...] = tuple(
            (_pack(keys), _pack([counted[key] for key in keys])) for keys in (whole, others) if keys
        )
        slot.rest()
        packed = {names.number(series): found for series, found in slot.distributions.items()}
        self._keys: Sequence[int] = _pack(sorted(packed))
        records = [marshal.dumps(packed[key].to_plain()) for key in self._keys]
        self._bounds: Sequence[int] = _pack(list(accumulate(map(len, records), initial=0)))
        self._data = b"".join(records)

    def counted(self, series: Series) -> float:
        """Return by how much a counter has grown."""
        key = self._names.find(series)
        for keys, values in self._counted:
            at = bisect_left(keys, key)
            if at < len(keys) and keys[at] == key:
                return values[at]
        return 0

    def distribution(self, series: Series) -> Distribution | None:
        """Return what was added to a distribution; None without any."""
        key = self._names.find(series)
        at = bisect_left(self._keys, key)
        return self._read(at) if at < len(self._keys) and self._keys[at] == key else None

    def add_to(self, numbers: Numbers) -> None:
        """Add all that was counted."""
        series = self._names.series
        for keys, values in self._counted:
            for key, many in zip(keys, values, strict=True):
                numbers.count(series[key], many)
        for at, key in enumerate(self._keys):
            numbers.distribute(series[key], self._read(at))

    def _read(self, at: int) -> Distribution:
        return unpack(*marshal.loads(self._data[self._bounds[at] : self._bounds[at + 1]]))


def _unpacked(kept: Distribution | Packed) -> Distribution:
    return kept.unpack() if isinstance(kept, Packed) else kept


def _pack(values: Sequence[Any]) -> Sequence[Any]:
    """Return the same in as little memory as keeps them as they are; all are whole, or none is."""
    if not all(isinstance(value, int) for value in values):
        return array("d", values)
    if not values:
        return ()
    least, most = min(values), max(values)
    for kind, beyond in _WHOLE:
        if least >= 0 and most < beyond:
            return array(kind, values)
    return tuple(values)


Slot = OpenSlot | ClosedSlot
