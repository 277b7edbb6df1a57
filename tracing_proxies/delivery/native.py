"""Threads, locks and queues of the operating system, also where gevent or eventlet have put their own in their place.

What masks, writes to disk and waits for servers must not run in the hub that serves an application: each of its turns
would be a pause for all others. And what waits in the hub for a lock or a queue of the other kind waits for ever.
"""

from __future__ import annotations

import _thread
import os
import queue
import sys
import threading
import time
from _thread import get_ident
from collections.abc import Callable
from os import getpid  # once: a test may exchange it
from types import TracebackType
from typing import Any, Protocol, TypeVar

from tracing_proxies.compiled import hidden, hot

try:
    from _queue import SimpleQueue  # written in C, and left alone by those who exchange `queue.SimpleQueue`
except ImportError:  # another implementation of Python
    from queue import SimpleQueue

__all__ = ["Empty", "RLock", "SimpleQueue", "Thread", "forget_stand_in", "make_thread", "ours", "replaced_by", "take"]

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


class _Unlisted:
    """A daemon thread of the operating system that is in no list of threads, and that no replacement has started.

    Applications, and their tests, compare the threads that there are with those that there were, and wait to be alone.

    Args:
        awaited: whether ``start`` waits until the thread runs, which the system may let it 8 to 23 ms later where every
            core is busy.
    """

    def __init__(self, name: str, target: Callable[[], None], *, awaited: bool) -> None:
        self.name = name
        self._target = target
        self._awaited = awaited
        self._process = 0
        self._begun: SimpleQueue[None] = SimpleQueue()
        self._ended: SimpleQueue[None] = SimpleQueue()

    def start(self) -> None:
        threading.Thread(name=self.name, daemon=True)  # which raises where there can be no daemons
        self._process = getpid()
        try:
            _start(self._run)
        except BaseException:
            self._process = 0
            raise
        if self._awaited and not replaced_by():  # a hub must not wait
            self._begun.get()

    def is_alive(self) -> bool:
        return self._process == getpid()  # a forked child has none of its parent's

    def join(self, timeout: float) -> None:
        if not replaced_by():
            try:
                if self.is_alive():
                    self._ended.put(take(self._ended, max(0.0, timeout)))  # for others that wait
            except Empty:
                pass
            return
        ends = time.monotonic() + timeout
        while self.is_alive() and time.monotonic() < ends:
            time.sleep(_NAP)  # the others' turn, if we are in a hub

    def _run(self) -> None:
        ident = get_ident()
        _names[ident] = self.name
        if hot is not None:
            hot.name_thread(self.name)  # cut off after 15 letters
            hot.keep_untold()
        self._begun.put(None)
        try:
            self._target()
        finally:
            forget_stand_in()
            _names.pop(ident, None)
            self._process = 0
            self._ended.put(None)


_names: dict[int, str] = {}
os.register_at_fork(after_in_child=_names.clear)


def ours() -> dict[int, str]:
    """Return the names of our threads in this process, by their idents."""
    return dict(_names)


def forget_stand_in() -> None:
    """Have `threading` forget what it has made up for the calling thread when that has logged something."""
    if type(_listed.get(get_ident())) is _StandIn:
        _dangling.discard(_listed.pop(get_ident(), None))


# As old as `threading` itself, and in none of its documentation: without them a thread that has logged is listed.
_listed: dict[int, Any] = getattr(threading, "_active", {})
_dangling: Any = getattr(threading, "_dangling", set())
_StandIn: Any = getattr(threading, "_DummyThread", None)


def make_thread(name: str, target: Callable[[], None], *, awaited: bool = True) -> Thread:
    """Make a daemon thread of the operating system; ``start`` raises RuntimeError if there can be no more.

    Args:
        awaited: whether ``start`` waits until the thread runs.
    """
    return _Unlisted(name, target, awaited=awaited)


def _start(run: Callable[[], None]) -> None:
    replaced = replaced_by()
    if replaced == "gevent":
        start: Any = sys.modules["gevent.monkey"].get_original("_thread", "start_new_thread")
    elif replaced:
        start = sys.modules["eventlet.patcher"].original("_thread").start_new_thread
    else:
        start = _thread.start_new_thread
    start(hidden(run), ())  # also from what watches the threads of a process all at once
