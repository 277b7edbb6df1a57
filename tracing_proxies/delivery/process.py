"""Tells living pipelines that the process has forked or is about to exit."""

from __future__ import annotations

import atexit
import os
import threading
import time
import weakref
from typing import Protocol

EXIT_TIMEOUT = 2.0

_lock = threading.Lock()
_living: weakref.WeakSet[_Inhabitant] = weakref.WeakSet()
_registered = False


class _Inhabitant(Protocol):
    def after_fork(self) -> None: ...

    def close(self, timeout: float) -> bool: ...


def move_in(pipeline: _Inhabitant) -> None:
    """Have ``pipeline`` told of forks and of the exit, for as long as somebody else keeps it alive.

    The exit is plain ``atexit``: it comes after the non-daemon threads have ended, so that their spans are flushed too,
    and while daemon threads still run, so that the pipeline's own can do the flushing. ``threading._register_atexit``
    would come before the application's threads have ended, and is private.
    """
    global _registered
    with _lock:
        _living.add(pipeline)
        if not _registered:
            _registered = True
            atexit.register(_at_exit)
            if hasattr(os, "register_at_fork"):
                os.register_at_fork(after_in_child=_after_fork)


def move_out(pipeline: _Inhabitant) -> None:
    """Forget a pipeline that was closed."""
    with _lock:
        _living.discard(pipeline)


def _after_fork() -> None:
    global _lock
    _lock = threading.Lock()  # another thread of the parent may have held it
    for pipeline in list(_living):
        pipeline.after_fork()


def _at_exit() -> None:
    deadline = time.monotonic() + EXIT_TIMEOUT
    for pipeline in list(_living):
        pipeline.close(max(0.0, deadline - time.monotonic()))
