"""What tracing has cost lately, and how much it may cost next."""

from __future__ import annotations

import math
from collections import deque

WINDOW = 10.0
"""The budget holds over any time of this length, in seconds."""
_AHEAD = 2.0
_MOST = 2.5


class Spending:
    """Adds up what was spent in the last ten seconds.

    What may be spent next follows from the whole window: at rest it is the budget, after an idle time up to 2.5 times
    as much until the window is full, and less where costs were underestimated. So the figure that is held is the one
    that was measured, and no estimate can be wrong for long. In its first ten seconds a process may spend the budget of
    all ten, so that what a short program does is traced whole.
    """

    def __init__(self) -> None:
        self._slices: deque[tuple[float, float]] = deque()
        self._begun: float | None = None

    def add(self, now: float, spent: float) -> None:
        """Note what was spent since the last call.

        Args:
            now: seconds of the monotonic clock.
            spent: seconds of CPU.
        """
        if self._begun is None or now < self._begun:
            self._begun = now
        self._slices.append((now, spent))
        while self._slices[0][0] <= now - WINDOW or self._slices[0][0] > now:
            self._slices.popleft()

    def within(self, now: float, seconds: float) -> float:
        """Return the seconds of CPU that were spent in the last so many seconds."""
        return sum(spent for at, spent in self._slices if at > now - seconds)

    def room(self, now: float, budget: float, committed: float = 0.0) -> float:
        """Return how much may be spent in the next seconds, per second; never below 0.

        Args:
            budget: seconds of CPU per second.
            committed: what has been let in but not been paid yet, in seconds of CPU.
        """
        begins = self._begun is None or now - self._begun < WINDOW
        left = WINDOW * budget - self.within(now, WINDOW - _AHEAD) - committed
        return max(0.0, min((math.inf if begins else _MOST) * budget, left / _AHEAD))
