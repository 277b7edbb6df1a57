"""How often each size occurred, within 1 %: mergeable, and as small as its range."""

from __future__ import annotations

import contextlib
import itertools
import math
from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from tracing_proxies.sampling.sketch import ACCURACY, Sketch

_GROWTH = (1 + ACCURACY) / (1 - ACCURACY)
_PER_LOG = 1 / math.log(_GROWTH)
_MIDDLE = 2 * _GROWTH / (1 + _GROWTH)
_editions = itertools.count(1)
_NOTHING = 1e-9  # weights are sums of fractions: what is left between two equal ones is not quite nothing


class Distribution:
    """Weights by bin; the bins are those of a tally's sketch, so that both merge exactly.

    Sizes are whole numbers from 1 on: nanoseconds, millionths. It is not changed any more once it is part of numbers
    that somebody else may hold.

    Attributes:
        count: the sum of all weights.
        total: the sum of all sizes, each times its weight.
        bins: weights by bin.
    """

    __slots__ = ("_edition", "_grown", "bins", "count", "total")

    def __init__(self, bins: dict[int, float] | None = None, count: float = 0, total: float = 0) -> None:
        self.bins: dict[int, float] = {} if bins is None else bins
        self.count = count
        self.total = total
        self._edition = 0
        self._grown: tuple[int, Distribution] | None = None

    @classmethod
    def of(cls, sketch: Sketch) -> Distribution:
        """Make one of what a tally has counted."""
        return cls(dict(sketch.bins), sketch.count, sketch.total)

    @classmethod
    def of_sizes(cls, sizes: Iterable[float]) -> Distribution:
        """Make one of some sizes."""
        made = cls()
        made.add_all(list(sizes))
        return made

    def add(self, size: float, weight: float = 1) -> None:
        """Count one size; what is below 1 counts as 1.

        Args:
            weight: for how many it stands.
        """
        size = max(1, size)
        place = int(math.log(size) * _PER_LOG)
        self._change()
        self.bins[place] = self.bins.get(place, 0) + weight
        self.count += weight
        self.total += size * weight

    def add_all(self, sizes: Sequence[float]) -> None:
        """Count many sizes, each once; every step is one of the interpreter's own, as in a tally's sketch."""
        self._change()
        taken = sizes if min(sizes, default=1) >= 1 else [max(1, size) for size in sizes]
        bins = self.bins
        for place, many in Counter(map(int, map(_PER_LOG.__mul__, map(math.log, taken)))).items():
            bins[place] = bins.get(place, 0) + many
        self.count += len(taken)
        self.total += sum(taken)

    def copy(self) -> Distribution:
        """Return another one that is equal."""
        return Distribution(dict(self.bins), self.count, self.total)

    def plus(self, other: Distribution) -> Distribution:
        """Return what both have counted; nothing is lost by it."""
        made = self.copy()
        made.take(other)
        # Whoever keeps what it saw last asks for nothing but this afterwards: to find it in hundreds of bins takes ten
        # times as long.
        self._edition = self._edition or next(_editions)
        made._grown = self._edition, other
        return made

    def take(self, other: Distribution) -> None:
        """Add what another one has counted; for whoever has made this one, and has told nobody of it yet."""
        self._change()
        bins = self.bins
        for place, weight in other.bins.items():
            bins[place] = bins.get(place, 0) + weight
        self.count += other.count
        self.total += other.total

    def _change(self) -> None:
        self._edition, self._grown = 0, None

    def minus(self, earlier: Distribution) -> Distribution:
        """Return what was counted since an earlier moment."""
        if self._grown is not None and self._grown[0] == earlier._edition:
            return self._grown[1]
        known = earlier.bins
        bins = {place: left for place, weight in self.bins.items() if (left := weight - known.get(place, 0)) > _NOTHING}
        return Distribution(bins, self.count - earlier.count, self.total - earlier.total)

    def quantile(self, share: float) -> float | None:
        """Return the size that a share of all do not pass, within 1 %; None where nothing was counted.

        Args:
            share: between 0.0 and 1.0.
        """
        if self.count <= 0 or not self.bins:
            return None
        rank = share * (self.count - 1) if self.count >= 1 else 0.0
        seen: float = 0
        found = 0
        for found in sorted(self.bins):
            seen += self.bins[found]
            if seen > rank:
                break
        return float(_MIDDLE * _GROWTH**found)

    def cumulated(self, bounds: Iterable[float]) -> list[float]:
        """Return how many did not pass each bound, within 1 % of the bound.

        Args:
            bounds: ascending.
        """
        places = sorted(self.bins)
        counts: list[float] = []
        seen: float = 0
        at = 0
        for bound in bounds:
            while at < len(places) and _MIDDLE * _GROWTH ** places[at] <= bound:
                seen += self.bins[places[at]]
                at += 1
            counts.append(seen)
        return counts

    def to_plain(self) -> list[Any]:
        """Return it as a list of plain values."""
        return [self.count, self.total, list(self.bins), list(self.bins.values())]

    @classmethod
    def of_plain(cls, plain: list[Any]) -> Distribution:
        """Make one of what ``to_plain`` has returned."""
        count, total, places, weights = plain
        return cls(dict(zip(places, weights, strict=True)), count, total)


class Packed:
    """A distribution in a twentieth of the memory, for those that are kept for hours."""

    __slots__ = ("_bins", "_kind", "count", "total")

    def __init__(self, distribution: Distribution) -> None:
        self.count = distribution.count
        self.total = distribution.total
        weights: Collection[float] = distribution.bins.values()
        self._kind = _kind_of(weights)
        packed = array(self._kind, weights if self._kind == "d" else map(int, weights))
        self._bins = array("h", distribution.bins).tobytes() + packed.tobytes()

    def to_plain(self) -> tuple[Any, ...]:
        """Return what ``unpack`` takes."""
        return self.count, self.total, self._kind, self._bins

    def unpack(self) -> Distribution:
        """Return it as it was."""
        return unpack(self.count, self.total, self._kind, self._bins)


def unpack(count: float, total: float, kind: str, packed: bytes) -> Distribution:
    """Return a distribution of which a packed one has told this."""
    places, weights = array("h"), array(kind)
    size = len(packed) // (places.itemsize + weights.itemsize) * places.itemsize
    places.frombytes(packed[:size])
    weights.frombytes(packed[size:])
    return Distribution(dict(zip(places, weights, strict=True)), count, total)


def _kind_of(weights: Collection[float]) -> str:
    """Return the smallest kind of number that holds all weights as they are: most are small and whole."""
    with contextlib.suppress(TypeError, OverflowError):  # whole ones, as most are: 30 times as fast as to look at each
        return "B" if max(array("H", weights), default=0) <= 0xFF else "H"
    if not all(weight % 1 == 0 and 0 <= weight <= 0xFFFF for weight in weights):
        return "d"
    return "B" if max(weights, default=0) <= 0xFF else "H"
