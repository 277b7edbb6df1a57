"""What our own threads cost beyond their CPU: an application that computes waits while one of them has the lock."""

from __future__ import annotations

import time
from collections.abc import Callable


class Contention:
    """Counts what our threads take up to twice, by how much of a core the application takes at the same time.

    An application that waits for a model's answer loses nothing while our threads work, and one that computes loses as
    much time again as they take: CPython runs one thread at a time. A budget of CPU alone would hold, and the
    application would still be slower by more than it says.

    Args:
        process: tells the seconds of CPU that the process has taken.
        clock: tells the monotonic time in seconds.
    """

    def __init__(
        self, process: Callable[[], float] = time.process_time, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._process = process
        self._clock = clock
        self._weighed = self._busy = 0.0
        self._own = self._all = 0.0
        self._then = clock()

    def weigh(self, own: float) -> float:
        """Return what our threads have cost so far, in seconds.

        Args:
            own: the seconds of CPU that they have taken so far.
        """
        now, spent_by_all = self._clock(), self._process()
        elapsed, own_lately = now - self._then, max(0.0, own - self._own)
        if elapsed > 0.0:
            others = spent_by_all - self._all - own_lately
            self._busy = min(1.0, max(0.0, others / elapsed))
        self._then, self._all, self._own = now, spent_by_all, own
        self._weighed += own_lately * (1.0 + self._busy)
        return self._weighed
