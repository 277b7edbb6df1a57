"""How likely a call is recorded where a rule asks for a number of calls per time, as in ``sample: 5/min``."""

from __future__ import annotations

import time
from collections.abc import Callable

_DECAY = 0.9


class Rate:
    """Follows how many calls come, and gives each the probability at which about as many are kept as are wanted.

    It depends on earlier calls only, never on the one that is decided, so the weight 1/p of each kept call makes sums
    over the kept ones right on average. A token bucket would keep the first of each burst, and no weight mends that.

    Within a period the wanted number may be passed where calls rise suddenly: n calls after an idle time keep about
    wanted * (1 + ln(n / wanted)).

    Args:
        wanted: how many calls are to be kept in a period; above 0.
        period: nanoseconds.
        clock: tells the monotonic time in nanoseconds.
    """

    __slots__ = ("_begun", "_calls", "_clock", "_level", "_period", "_wanted")

    def __init__(self, wanted: float, period: int, clock: Callable[[], int] = time.perf_counter_ns) -> None:
        self._wanted = wanted
        self._period = period
        self._clock = clock
        self._begun = clock()
        self._calls = 0
        self._level = 0.0

    def probability(self) -> float:
        """Count one call, and return the probability at which it is to be kept: above 0.0, at most 1.0."""
        elapsed = self._clock() - self._begun
        if not 0 <= elapsed < self._period:
            self._turn(elapsed)
        self._calls = calls = self._calls + 1
        return min(1.0, self._wanted / max(self._level, calls))

    def _turn(self, elapsed: int) -> None:
        """Begin a new period: the level rises at once with the calls of the last one, and falls slowly."""
        periods = max(1, elapsed // self._period)
        self._level = max(self._calls, _DECAY * self._level + (1 - _DECAY) * self._calls)
        self._level *= _DECAY ** min(periods - 1, 1_000)
        self._begun += periods * self._period if elapsed > 0 else elapsed
        self._calls = 0
