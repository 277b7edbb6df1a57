"""A sketch of durations: counts in bins whose widths grow with the value.

After DDSketch (Masson, Rim and Lee, "DDSketch: a fast and fully-mergeable quantile sketch with relative-error
guarantees", VLDB 2019): a value x falls into bin floor(log(x) / log(g)), g = (1 + a) / (1 - a), and every quantile is
right within the relative error a, whatever the distribution.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tracing_proxies.compiled import hot

ACCURACY = 0.01
_GROWTH = (1 + ACCURACY) / (1 - ACCURACY)
_PER_LOG = 1 / math.log(_GROWTH)
_scale = _PER_LOG.__mul__
_count: Any = None if hot is None else hot.count_durations


class Sketch:
    """Counts durations, in nanoseconds; its size is bounded by their range: some 1,600 bins from 1 ns to a day.

    Attributes:
        count: how many there were.
        total: their sum.
        bins: counts by bin; what is below 1 ns counts as 1 ns.
    """

    __slots__ = ("bins", "count", "total")

    def __init__(self) -> None:
        self.bins: Counter[int] = Counter()
        self.count = 0
        self.total = 0

    def add(self, durations: Sequence[int]) -> int:
        """Count some durations.

        Args:
            durations: ``~duration`` of what has failed.

        Returns:
            How many have failed.
        """
        counted = None if _count is None else _count(self.bins, durations, _PER_LOG)
        if counted is None:
            return self.add_originally(durations)
        failed: int
        failed, total = counted
        self.count += len(durations)
        self.total += total
        return failed

    def add_originally(self, durations: Sequence[int]) -> int:
        """Do as `add`: the original of what is compiled (hot/sketch.c)."""
        failed, least = 0, min(durations, default=1)
        if least < 1:
            failed = sum([duration < 0 for duration in durations])
            durations = [max(1, duration if duration >= 0 else ~duration) for duration in durations]
        self.count += len(durations)
        self.total += sum(durations)
        # Every step of the chain is one of the interpreter's own: 0.15 us a call, where a comprehension takes 0.22.
        self.bins.update(map(int, map(_scale, map(math.log, durations))))
        return failed
