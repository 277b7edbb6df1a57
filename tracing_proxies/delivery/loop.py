"""A daemon thread that calls one function again and again, and is started anew when it has died."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable

from tracing_proxies import failures

_MAX_RESTARTS = 5
_RESTART_WINDOW = 60.0


class Loop:
    """Calls ``step`` in a thread of its own, and sleeps in between for as long as ``step`` says.

    The thread is a daemon: a pipeline must not keep a finished program alive. It is started by the first ``start`` in
    the process that needs it, never by the constructor, so that a preloading server's children have their own.

    Args:
        name: the thread's name.
        step: does what there is to do; returns the seconds until it wants to be called again, None for "until woken".
        suppress: called once at the thread's start; switches tracing off for the thread.
        ended: called when the thread ends, however it ends.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], float | None],
        *,
        suppress: Callable[[], None] | None = None,
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        self._name = name
        self._step = step
        self._suppress = suppress
        self._ended = ended
        self.after_fork()

    def after_fork(self) -> None:
        """Forget the parent's thread, lock and wake-ups."""
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        # A SimpleQueue instead of an Event: its put may be called by a signal handler or a finaliser that interrupts
        # the very same put, where an Event's lock would wait for itself.
        self._tokens: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._starts: deque[float] = deque(maxlen=_MAX_RESTARTS)
        self._stopping = False
        self._cpu = self._cpu_now = 0.0

    @property
    def cpu(self) -> float:
        """The seconds of CPU that its threads have taken in this process, up to the end of the last step."""
        return self._cpu + self._cpu_now

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._runs()

    def start(self) -> bool:
        """Make sure that the thread runs; called by any thread, waits for none.

        Returns:
            Whether it runs or is being started: False when stopped, when the interpreter starts no more threads, and
            when the thread has died five times within a minute.
        """
        if self._runs():
            return True
        if self._stopping:
            return False
        if not self._lock.acquire(blocking=False):
            return True  # somebody is starting it at this moment, perhaps this very thread below a signal handler
        try:
            if self._runs():
                return True
            now = time.monotonic()
            if len(self._starts) == _MAX_RESTARTS and now - self._starts[0] < _RESTART_WINDOW:
                return False
            thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            thread.start()
            self._thread = thread
            self._starts.append(now)
            return True
        except RuntimeError:  # "can't start new thread": no resources, or the interpreter shuts down
            return False
        finally:
            self._lock.release()

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
        if thread is not None and thread is not threading.current_thread():
            thread.join(max(0.0, timeout))
        return thread is None or not thread.is_alive()

    def _runs(self) -> bool:
        thread = self._thread
        return thread is not None and thread.is_alive()

    def _run(self) -> None:
        try:
            if self._suppress is not None:
                self._suppress()
            while not self._stopping:
                pause = self._step()
                self._cpu_now = time.thread_time()
                self._sleep(pause)
        except BaseException as exc:
            failures.contain(f"delivery.thread.{self._name}", exc)
        finally:
            if self._thread is threading.current_thread():
                self._cpu, self._cpu_now = self._cpu + time.thread_time(), 0.0
                self._thread = None  # before `ended` lets others start a new one: this one is still alive for a moment
            self._ended()

    def _sleep(self, pause: float | None) -> None:
        tokens = self._tokens
        try:
            tokens.get(timeout=pause)
            while True:
                tokens.get_nowait()
        except queue.Empty:
            pass
