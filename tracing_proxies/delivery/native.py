"""Threads, locks and queues of the operating system, also where gevent or eventlet have put their own in their place.

What masks, writes to disk and waits for servers must not run in the hub that serves an application: each of its turns
would be a pause for all others. And what waits in the hub for a lock or a queue of the other kind waits for ever.
"""

from __future__ import annotations

import _thread
import queue
import sys
import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from types import TracebackType
from typing import Any, Protocol, TypeVar

try:
    from _queue import SimpleQueue  # written in C, and left alone by those who exchange `queue.SimpleQueue`
except ImportError:  # another implementation of Python
    from queue import SimpleQueue

__all__ = ["Empty", "RLock", "SimpleQueue", "Thread", "make_thread", "replaced_by", "run_out", "take"]

Empty = queue.Empty
_NAP = 0.005


class RLock:
    """A lock that its thread may enter again.

    In slots, and not as it is: eventlet looks for such locks in all that it can reach, and exchanges them for its own,
    which no two threads of the operating system may wait for.
    """

    __slots__ = ("acquire", "release")

    def __init__(self) -> None:
        lock = _thread.RLock()
        self.acquire, self.release = lock.acquire, lock.release

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None) -> None:
        self.release()


Item = TypeVar("Item")


def take(waiting: SimpleQueue[Item], timeout: float | None) -> Item:
    """Take the next item of a queue that has one consumer, waiting for it if need be.

    Where the lock within such a queue is free, CPython's own ``get`` takes it, and waits without end if the time is up
    by then (3.10 to 3.12, `_queuemodule.c`: what remains is negative). A look beforehand leaves that lock taken.

    Args:
        timeout: seconds; None for any time.

    Raises:
        Empty: none has come.
    """
    try:
        return waiting.get_nowait()
    except Empty:
        return waiting.get(timeout=timeout)


def replaced_by() -> str:
    """Name who has replaced the threads of this process: ``gevent`` or ``eventlet``; "" if they are what they are."""
    gevent: Any = sys.modules.get("gevent.monkey")
    if gevent is not None and gevent.is_module_patched("threading"):
        return "gevent"
    eventlet: Any = sys.modules.get("eventlet.patcher")
    if eventlet is not None and eventlet.is_monkey_patched("thread"):
        return "eventlet"
    return ""


class Thread(Protocol):
    """What is asked of a thread."""

    def start(self) -> None: ...

    def is_alive(self) -> bool: ...

    def join(self, timeout: float) -> None: ...


class _Native:
    """A daemon thread that was started past what has replaced `threading`; it is in no list of threads."""

    def __init__(self, target: Callable[[], None]) -> None:
        self._target = target
        self._runs = False

    def start(self) -> None:
        self._runs = True
        try:
            _original_start()(self._run, ())
        except BaseException:
            self._runs = False
            raise

    def is_alive(self) -> bool:
        return self._runs

    def join(self, timeout: float) -> None:
        ends = time.monotonic() + timeout
        while self._runs and time.monotonic() < ends:
            time.sleep(_NAP)  # the others' turn, if we are in a hub

    def _run(self) -> None:
        try:
            self._target()
        finally:
            self._runs = False


class _Unawaited:
    """A daemon thread of `threading` that is started by another one.

    ``Thread.start`` returns when the system has run the new thread, which has 8 to 23 ms where every core is busy; the
    call that happens to be the first of a process must not wait for that.
    """

    def __init__(self, name: str, target: Callable[[], None]) -> None:
        self._thread = threading.Thread(target=run_out, args=(target,), name=name, daemon=True)
        self._target = target
        self._starter_runs = False

    def start(self) -> None:
        self._starter_runs = True
        try:
            # In the caller's context: applications may trace the starts of threads.
            _thread.start_new_thread(copy_context().run, (self._start,))
        except BaseException:
            self._starter_runs = False
            raise

    def is_alive(self) -> bool:
        return self._starter_runs or self._thread.is_alive()

    def join(self, timeout: float) -> None:
        ends = time.monotonic() + timeout
        while self._starter_runs and time.monotonic() < ends:
            time.sleep(_NAP)
        if not self._starter_runs and self._thread.ident is not None:
            self._thread.join(max(0.0, ends - time.monotonic()))

    def _start(self) -> None:
        try:
            self._thread.start()
        except Exception:  # there may be no more threads than this one
            if self._thread.ident is None:
                self._target()
        finally:
            self._starter_runs = False


def make_thread(name: str, target: Callable[[], None], *, awaited: bool = True) -> Thread:
    """Make a daemon thread of the operating system; ``start`` raises RuntimeError if there can be no more.

    Args:
        awaited: whether ``start`` waits until the thread runs.
    """
    if replaced_by():
        return _Native(target)
    if not awaited:
        return _Unawaited(name, target)
    return threading.Thread(target=run_out, args=(target,), name=name, daemon=True)


def run_out(target: Callable[[], None]) -> None:
    """Call what a thread is for, and do not return from it if `threading` was patched meanwhile.

    It would know the thread by a number that it has no more: its end would be a traceback on the error output.
    """
    replaced = replaced_by()
    target()
    if replaced_by() != replaced:
        SimpleQueue().get()


def _original_start() -> Callable[[Callable[[], None], tuple[()]], object]:
    if replaced_by() == "gevent":
        found: Any = sys.modules["gevent.monkey"].get_original("_thread", "start_new_thread")
    else:
        found = sys.modules["eventlet.patcher"].original("_thread").start_new_thread
    start: Callable[[Callable[[], None], tuple[()]], object] = found
    return start
