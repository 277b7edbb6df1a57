"""Tells how much the application computes beside our own threads."""

from __future__ import annotations

import os
import sys
import time
from _thread import get_native_id

_process_clock = time.process_time
_own_clock = time.thread_time
# The system's clocks of our other threads, by the threads' numbers in the system.
_ours: dict[int, int] = {}


def move_in() -> None:
    """Count the calling thread as one of ours, until `move_out`."""
    if sys.platform == "linux":  # elsewhere our other threads count as the application's
        # As glibc's `pthread_getcpuclockid` makes it, which crashes for a thread that it does not know, as gevent's.
        number = get_native_id()
        _ours[number] = (~number << 3) | 6


def move_out() -> None:
    """Count the calling thread no longer."""
    _ours.pop(get_native_id(), None)


os.register_at_fork(after_in_child=_ours.clear)


def clocks() -> tuple[int, ...]:
    """Return the system's clocks of our other threads."""
    own = get_native_id()
    return tuple([clock for number, clock in list(_ours.items()) if number != own])


def spent() -> float:
    """Return the seconds of CPU that the application's threads have taken in this process, but for a constant."""
    total = _process_clock() - _own_clock()
    own = get_native_id()
    for number in list(_ours):
        clock = _ours.get(number)
        if number != own and clock is not None:
            try:
                total -= time.clock_gettime(clock)
            except OSError:  # it has ended
                _ours.pop(number, None)
    return total
