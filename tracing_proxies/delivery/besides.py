"""Adds up the CPU of those threads of ours that deliver nothing: it is a cost of tracing as any other."""

from __future__ import annotations

import time

_taken = [0.0]


def taken() -> float:
    """Return the seconds of CPU that such threads have taken in this process, and in those that it was forked from."""
    return _taken[0]


class Meter:
    """Measures the thread that makes it, from that moment on."""

    __slots__ = ("_before",)

    def __init__(self) -> None:
        self._before = time.thread_time()

    def read(self) -> None:
        """Add what the thread has taken since the last time.

        Two threads that add at the same moment may lose what one of them has taken since its last time, which is less
        than a millisecond as a rule.
        """
        before, self._before = self._before, time.thread_time()
        _taken[0] += self._before - before
