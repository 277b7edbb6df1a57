"""Cuts the long work of our own threads into slices, so that no call of the application waits for the interpreter.

A thread that wants CPython's global lock asks for it only after ``sys.getswitchinterval()``, 5 ms, and our worker may
have that much to do with every batch. So it gives the lock up by itself, and often. The interval is the application's
to set, not ours.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from tracing_proxies.delivery.native import Empty, SimpleQueue, take

SLICE = 0.0005
_PAUSE = 0.000_001
"""The shortest wait there is (some 50 us on Linux); of 0 s, this thread often has the lock back before others wake."""


class Slices:
    """One stretch of work, from its making on.

    Args:
        clock: seconds.
        sleep: gives the lock up for so many seconds.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self._clock = clock
        self._sleep = sleep or self._wait_for_nothing
        # Each stretch of work has its own: of one that all share, a forked child might inherit the state of a wait.
        self._nothing: SimpleQueue[None] = SimpleQueue()
        self._until = clock() + SLICE

    def between(self) -> None:
        """Let other threads go first, if the work has lasted for a slice; called between two pieces of it: 0.1 us."""
        if self._clock() >= self._until:
            self._sleep(_PAUSE)
            self._until = self._clock() + SLICE

    def _wait_for_nothing(self, seconds: float) -> None:
        # `time.sleep` may be a hub's, and this thread is none of the hub's.
        try:
            take(self._nothing, seconds)
        except Empty:
            return
