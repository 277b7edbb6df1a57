"""Tells how much the application computes beside our own threads."""

from __future__ import annotations

import os
import time
from _thread import get_ident

_process_clock = time.process_time
_own_clock = time.thread_time
# How the CPU of our other threads is read, by the threads' numbers.
_ours: dict[int, int] = {}


def move_in() -> None:
    """Count the calling thread as one of ours, until `move_out`."""
    find = getattr(time, "pthread_getcpuclockid", None)
    if find is not None:  # macOS has none: there our own threads count as the application's
        _ours[get_ident()] = find(get_ident())


def move_out() -> None:
    """Count the calling thread no longer."""
    _ours.pop(get_ident(), None)


os.register_at_fork(after_in_child=_ours.clear)


def spent() -> float:
    """Return the seconds of CPU that the application's threads have taken in this process, but for a constant."""
    total = _process_clock() - _own_clock()
    own = get_ident()
    for ident, clock in list(_ours.items()):
        if ident != own:
            try:
                total -= time.clock_gettime(clock)
            except OSError:  # it has ended
                _ours.pop(ident, None)
    return total
