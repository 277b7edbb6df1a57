"""Tells living pipelines that the process has forked or is about to exit."""

from __future__ import annotations

import atexit
import os
import sys
import time
import weakref
from typing import Any, Protocol

from tracing_proxies import failures
from tracing_proxies.delivery.native import RLock
from tracing_proxies.exclusion import importing

EXIT_TIMEOUT = 1.0  # of two seconds: what is under way has half of one, and the interpreter has to end as well
_LEAST = 0.1  # for one whose turn comes when the time is up: what it has can still be written down
_AFTER_ALL_OTHERS = -1_000_000

_lock = RLock()
_living: weakref.WeakSet[_Inhabitant] = weakref.WeakSet()
_registered = False
_told_multiprocessing = False


class _Inhabitant(Protocol):
    def after_fork(self) -> None: ...

    def flush(self, timeout: float) -> bool: ...

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
                os.register_at_fork(
                    before=importing.before_fork,
                    after_in_parent=importing.after_fork_in_parent,
                    after_in_child=_after_fork,
                )
        _tell_multiprocessing()


def move_out(pipeline: _Inhabitant) -> None:
    """Forget a pipeline that was closed."""
    with _lock:
        _living.discard(pipeline)


def _after_fork() -> None:
    global _lock
    _lock = RLock()  # another thread of the parent may have held it
    importing.after_fork_in_child()
    for pipeline in list(_living):
        pipeline.after_fork()
    _tell_multiprocessing()


def _tell_multiprocessing() -> None:
    """Have the children that ``multiprocessing`` forks flush as they end: they leave without running ``atexit``.

    Their finalisers are cleared as they begin, so it is only in its own after-fork hook that one can be registered.
    """
    global _told_multiprocessing
    util = sys.modules.get("multiprocessing.util")
    if _told_multiprocessing or util is None or not hasattr(util, "register_after_fork"):
        return
    _told_multiprocessing = True
    util.register_after_fork(_living, _finalize_last)
    if getattr(sys.modules.get("multiprocessing.process"), "_parent_process", None) is not None:
        _finalize_last(None)  # such a child itself, which has begun already


def _finalize_last(_: Any) -> None:
    util: Any = sys.modules["multiprocessing.util"]
    util.Finalize(None, _flush_all, exitpriority=_AFTER_ALL_OTHERS)


def _flush_all() -> None:
    # Without closing: threads that are not daemons may still be at work.
    deadline = time.monotonic() + EXIT_TIMEOUT
    for pipeline in _in_order():
        try:
            pipeline.flush(max(_LEAST, deadline - time.monotonic()))
        except BaseException as exc:
            failures.contain("flush", exc)


def _at_exit() -> None:
    deadline = time.monotonic() + EXIT_TIMEOUT
    for pipeline in _in_order():
        pipeline.close(max(_LEAST, deadline - time.monotonic()))


def _in_order() -> list[_Inhabitant]:
    """List the pipelines, those last that others still put something into, or count, while they are flushed."""
    return sorted(_living, key=lambda pipeline: getattr(pipeline, "closing_turn", 0))
