"""What a metric usually is: the median of what it was in the time before, without the moment that is judged."""

from __future__ import annotations

import statistics
from collections import deque
from typing import Final

_LEAST_SHARE: Final = 0.25
_MOST: Final = 240


class Baseline:
    """Learns the usual value of one metric.

    The median stays where it is while the metric is away for a moment, and goes along once it is away for half of the
    time: what lasts is the new normal.

    Args:
        span: seconds that are looked back on.
        apart: the latest seconds, which are left out: the window of the value that is judged.
    """

    def __init__(self, span: float, apart: float) -> None:
        self._span = span
        self._apart = apart
        self._pace = span / _MOST
        self._seen: deque[tuple[float, float]] = deque()

    def note(self, now: float, value: float) -> None:
        """Learn one value."""
        if not self._seen or now - self._seen[-1][0] >= self._pace:
            self._seen.append((now, value))

    def usual(self, now: float) -> float | None:
        """Return the usual value; None until it is known for a quarter of the time at least."""
        while self._seen and self._seen[0][0] < now - self._span - self._apart:
            self._seen.popleft()
        known = [value for at, value in self._seen if at <= now - self._apart]
        if not known or now - self._apart - self._seen[0][0] < self._span * _LEAST_SHARE:
            return None
        return statistics.median(known)
