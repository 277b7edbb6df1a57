"""Counts every call of one target, sampled or not: how many, how many failed, how long they took."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from tracing_proxies.sampling.sketch import Sketch

_FULL = 512
_PATIENCE = 1.0
"""How long is waited for the lock, in seconds: an exception of a signal's handler, at the very moment at which a caller
has taken it, leaves it taken for good. What is counted stands in the list then."""
LOOK_AT = 1023
"""A caller looks whether a tally is full where these bits of the call's start are all 0: once in 1,024 calls.

The duration would not do: calls that are alike take nearly the same time, and none of them might ever look.
"""


class Tally:
    """The exact counts of one target.

    A call ends with one append to a list, which is atomic and costs 30 ns where a lock and a sketch would cost a
    microsecond; whoever reads the counts, and now and then a caller, folds the list into them. No call is ever counted
    twice or not at all, in however many threads.

    Args:
        target: the name of what is counted, as ``module:Qual.name``.

    Attributes:
        count: takes the duration of a call in nanoseconds, ``~duration`` of one that failed.
        slow: a call that took longer is a slow one; nanoseconds.
        seen: when the last trace began there, by the monotonic clock in nanoseconds.
        has_namesakes: whether other targets have methods of the same name, which may be reached through ``super()``.
    """

    __slots__ = (
        "_errors",
        "_folded",
        "_folding",
        "_lock",
        "_pending",
        "_sketch",
        "count",
        "has_namesakes",
        "seen",
        "slow",
        "target",
    )

    def __init__(self, target: str = "") -> None:
        self.target = target
        self.slow = 1 << 62
        self.seen = -(1 << 62)
        self.has_namesakes = False
        self._pending: list[int] = []
        self.count: Callable[[int], Any] = self._pending.append
        self.forget()

    def forget(self) -> None:
        """Begin anew: in a forked child the parent's calls are the parent's to count."""
        self._lock = threading.RLock()
        self._folding = False
        self._pending.clear()  # the same list: those who append to it hold it
        self._folded = self._errors = 0
        self._sketch = Sketch()

    @property
    def calls(self) -> int:
        """How many calls have ended."""
        return self._folded + len(self._pending)

    def relieve(self) -> None:
        """Fold the list into the counts if it is long; for the caller's own thread, which does not wait."""
        if len(self._pending) >= _FULL and self._lock.acquire(blocking=False):
            try:
                self._fold()
            finally:
                self._lock.release()

    def count_all(self) -> tuple[int, int]:
        """Return the number of calls and of those that failed."""
        return self._read(hand_over=False)[:2]

    def take(self) -> tuple[int, int, Sketch]:
        """Return the number of calls and of those that failed, and the durations of what came since the last time."""
        return self._read(hand_over=True)

    def _read(self, *, hand_over: bool) -> tuple[int, int, Sketch]:
        taken = Sketch()
        if not self._lock.acquire(timeout=_PATIENCE):
            return self._folded, self._errors, taken
        try:
            self._fold()
            if hand_over and not self._folding:
                taken, self._sketch = self._sketch, taken
            return self._folded, self._errors, taken
        finally:
            self._lock.release()

    def _fold(self) -> None:
        if self._folding:  # a signal's handler, or a finaliser, within what it has interrupted
            return
        self._folding = True
        try:
            self._take()
        finally:
            self._folding = False

    def _take(self) -> None:
        pending = self._pending
        taken = pending[:]
        del pending[: len(taken)]  # what is appended meanwhile stands behind
        self._errors += self._sketch.add(taken)
        self._folded += len(taken)


def count_calls(tallies: Sequence[Tally]) -> int:
    """Return how many calls of all targets have ended."""
    return sum([tally._folded + len(tally._pending) for tally in tallies])
