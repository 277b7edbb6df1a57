"""Cuts the long work of our own threads into slices, so that no call of the application waits for the interpreter.

A thread that wants CPython's global lock asks for it only after ``sys.getswitchinterval()``, 5 ms, and our worker may
have that much to do with every batch. So it gives the lock up by itself, and often. The interval is the application's
to set, not ours. And while the application computes it stands back for a while, since an application that waits, for a
model's answer or the next request, leaves gaps enough to do the work in.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from tracing_proxies.compiled import hot
from tracing_proxies.delivery import neighbours
from tracing_proxies.delivery.garbage import Aside
from tracing_proxies.delivery.native import Empty, SimpleQueue, take

SLICE, SHORT_SLICE = 0.0002, 0.000_05
"""For how long others wait at most, beside the piece of work that is under way; the short one while there is time."""
PATIENCE = 0.25
"""How long one stretch of work stands back in all, in seconds."""
_PAUSE = 0.000_001
"""The shortest wait there is (some 50 us on Linux); of 0 s, this thread often has the lock back before others wake."""
_NAP, _LONGEST_NAP = 0.001, 0.016
_BUSY = 0.25
"""The share of a core from which on the application is taken to compute."""
_UNSEEN = 0.032
"""For how long nobody is asked whether there is time to stand back still, in seconds."""


class Slices:
    """One stretch of work, from its making on.

    Args:
        clock: seconds.
        sleep: gives the lock up for so many seconds.
        others: the application's seconds of CPU so far.
        hurried: tells whether there is no time to stand back.
        aside: what is not counted while the work goes on, and is counted again whenever others go first.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], None] | None = None,
        others: Callable[[], float] | None = None,
        hurried: Callable[[], bool] = lambda: True,
        aside: Aside | None = None,
    ) -> None:
        self._is_native = hot is not None and others is None
        self._clock = clock
        self._sleep = sleep
        self._others = others or neighbours.spent
        self._hurried = hurried
        self._patience = PATIENCE
        # Each stretch of work has its own: of one that all share, a forked child might inherit the state of a wait.
        self._nothing: SimpleQueue[None] = SimpleQueue()
        self._aside = Aside() if aside is None else aside
        self._aside.take()
        self._until = clock() + (SLICE if hurried() else SHORT_SLICE)

    def between(self) -> None:
        """Let other threads go first, if the work has lasted for a slice; called between two pieces of it: 0.1 us."""
        if self._clock() >= self._until:
            self._aside.give_back()
            slice_ = self._stand_back()
            self._aside.take()
            self._until = self._clock() + slice_

    def left(self) -> float:
        """Return how many seconds are left of the slice."""
        return max(0.0, self._until - self._clock())

    def _stand_back(self) -> float:
        """Give the lock up, and stand back if there is time for that; returns how long the next slice is."""
        if self._patience <= 0.0 or self._hurried():
            self._rest(_PAUSE)  # nobody asks what the others do meanwhile, which takes 4 us, more in a cold cache
            return SLICE
        if self._is_native:
            self._wait_unlocked()
        else:
            self._wait()
        return SHORT_SLICE

    def _wait(self) -> None:
        nap, is_first = _PAUSE, True
        start, before = self._clock(), self._others()
        while True:
            self._rest(nap)
            end, after = self._clock(), self._others()
            slept = end - start
            if after - before < _BUSY * slept or self._patience <= 0.0 or self._hurried():
                return
            start, before = end, after
            if not is_first:  # whatever it waited: what is left may be shorter than the shortest wait
                self._patience -= slept
            is_first = False
            nap = min(max(_NAP, 2 * nap), _LONGEST_NAP, max(_PAUSE, self._patience))

    def _wait_unlocked(self) -> None:
        """Do the same without the interpreter's lock, which the application would have to give up for each nap."""
        rests = False
        while not rests:
            rests, stood = hot.stand_back(neighbours.clocks(), min(_UNSEEN, self._patience))
            self._patience -= stood
            if self._patience <= 0.0 or self._hurried():
                return

    def _rest(self, seconds: float) -> None:
        if self._sleep is not None:
            self._sleep(seconds)
            return
        try:  # `time.sleep` may be a hub's, and this thread is none of the hub's
            take(self._nothing, seconds)
        except Empty:
            return
