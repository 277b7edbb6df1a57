"""A daemon thread that calls one function again and again, and is started anew when it has died."""

from __future__ import annotations

import time
from _thread import get_ident
from collections import deque
from collections.abc import Callable

from tracing_proxies import failures
from tracing_proxies.compiled import hot
from tracing_proxies.delivery import besides, neighbours
from tracing_proxies.delivery.garbage import Aside
from tracing_proxies.delivery.native import Empty, SimpleQueue, Thread, forget_stand_in, make_thread, take

_MAX_RESTARTS = 5
_RESTART_WINDOW = 60.0
_GLANCE = 0.05


class Loop:
    """Calls ``step`` in a thread of its own, and sleeps in between for as long as ``step`` says.

    The thread is a daemon: a pipeline must not keep a finished program alive. It is started by the first ``start`` in
    the process that needs it, never by the constructor, so that a preloading server's children have their own.

    Args:
        name: the thread's name.
        step: does what there is to do; returns the seconds until it wants to be called again, None for "until woken".
        suppress: called once at the thread's start; switches tracing off for the thread.
        ended: called when the thread ends, however it ends.
        get_ready: does what has to be done once, at the thread's start; no part of `cpu`, as activation is none.
        awaited: whether ``start`` returns only when the thread runs. One that runs by then is rarely in the midst of
            something when a server forks that was written in C, and whose child would never have the interpreter back.
            Not for a loop that a call of the application may start.
        delivers: whether what it does is the delivery of spans, whose cost is learned from `cpu`.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], float | None],
        *,
        suppress: Callable[[], None] | None = None,
        ended: Callable[[], None] = lambda: None,
        get_ready: Callable[[], None] = lambda: None,
        awaited: bool = True,
        delivers: bool = False,
    ) -> None:
        self._name = name
        self._step = step
        self._suppress = suppress
        self._ended = ended
        self._get_ready = get_ready
        self._awaited = awaited
        self._delivers = delivers
        self.after_fork()

    def after_fork(self) -> None:
        """Forget the parent's thread, lock and wake-ups."""
        # Whoever takes the one thing out of it starts the thread: a lock that no one ever waits for.
        self._turn: deque[None] = deque((None,))
        self._thread: Thread | None = None
        self._life: object = None
        self._ident = 0
        # A SimpleQueue instead of an Event: its put may be called by a signal handler or a finaliser that interrupts
        # the very same put, where an Event's lock would wait for itself.
        self._tokens: SimpleQueue[None] = SimpleQueue()
        self._starts: deque[float] = deque(maxlen=_MAX_RESTARTS)
        self._stopping = False
        self._cpu = self._cpu_now = 0.0
        self.aside = Aside()

    @property
    def cpu(self) -> float:
        """The seconds of CPU that the steps of its threads have taken in this process, up to the end of the last."""
        return self._cpu + self._cpu_now

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._runs()

    def start(self) -> bool:
        """Make sure that the thread runs; called by any thread.

        Returns:
            Whether it runs or is being started: False when stopped, when the interpreter starts no more threads, and
            when the thread has died five times within a minute.
        """
        if self._runs():
            return True
        if self._stopping:
            return False
        try:
            self._turn.pop()
        except IndexError:
            return True  # somebody is starting it at this moment, perhaps this very thread below a signal handler
        try:
            if self._runs():
                return True
            now = time.monotonic()
            if len(self._starts) == _MAX_RESTARTS and now - self._starts[0] < _RESTART_WINDOW:
                return False
            life = self._life = object()
            thread = make_thread(self._name, lambda: self._run(life), awaited=self._awaited)
            thread.start()
            self._thread = thread
            self._starts.append(now)
            return True
        except RuntimeError:  # "can't start new thread": no resources, or the interpreter shuts down
            return False
        finally:
            self._turn.append(None)

    def wake(self) -> None:
        """Cut the present sleep short."""
        self._tokens.put(None)

    def stop(self, timeout: float) -> bool:
        """Ask the thread to end, and wait for it.

        Args:
            timeout: seconds.

        Returns:
            Whether it has ended.
        """
        self._stopping = True
        self.wake()
        thread = self._thread  # the thread itself forgets it as it ends
        ends = time.monotonic() + timeout
        while thread is not None and self._runs() and self._ident != get_ident() and time.monotonic() < ends:
            thread.join(min(_GLANCE, max(0.0, ends - time.monotonic())))
        return not self._runs()

    def _runs(self) -> bool:
        thread = self._thread
        return thread is not None and thread.is_alive()

    def _run(self, life: object) -> None:
        self._ident = get_ident()
        neighbours.move_in()
        start = 0.0
        try:
            if self._suppress is not None:
                self._suppress()
            self._get_ready()
            start = time.thread_time()
            meter = None if self._delivers else besides.Meter()
            while not self._stopping and self._life is life:
                self.aside.take()
                if hot is not None:
                    hot.keep_untold()
                pause = self._step()
                forget_stand_in()
                self.aside.give_back()
                self._cpu_now = time.thread_time() - start
                if meter is not None:
                    meter.read()
                self._sleep(pause)
        except BaseException as exc:
            failures.contain(f"delivery.thread.{self._name}", exc)
        finally:
            self.aside.give_back()
            neighbours.move_out()
            if self._life is life:
                # Before `ended` lets others start a new one: this one is still alive for a moment.
                self._thread, self._ident = None, 0
                self._cpu, self._cpu_now = self._cpu + time.thread_time() - start, 0.0
            self._ended()

    def _sleep(self, pause: float | None) -> None:
        tokens = self._tokens
        try:
            take(tokens, pause)
            while True:
                tokens.get_nowait()
        except Empty:
            pass
