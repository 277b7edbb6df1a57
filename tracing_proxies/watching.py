"""A thread that looks again and again whether a registry's files have changed, and has them read if so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tracing_proxies.delivery.loop import Loop
from tracing_proxies.failures import contain
from tracing_proxies.recording.context import suppress

_LOOKS = 2
_SETTLE = 0.1
_BUSY = 0.02
_PATIENCE = 1.0


class Watcher:
    """Calls for a reload when what the files hold is another than what was read, and when it is woken.

    Its thread is a daemon, is no part of any trace, and does not live across a fork: it is stopped for that moment and
    goes on in the parent and in the child, each with its own.

    Args:
        look: returns what the files hold now, comparable.
        known: returns the same of what was read last.
        reload: reads the files; returns False if this cannot be done at this moment.
    """

    def __init__(self, look: Callable[[], Any], known: Callable[[], Any], reload: Callable[[], bool]) -> None:
        self._look = look
        self._known = known
        self._reload = reload
        self._interval: float | None = None
        self._loop: Loop | None = None
        self._forget()

    def _forget(self) -> None:
        self._woken = False
        self._begun = False
        self._seen: Any = None
        self._unsettled = 0.0

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._loop is not None and self._loop.alive

    def begin(self, within: int) -> None:
        """Start the thread, or let it go on at another pace.

        Args:
            within: nanoseconds in which a change is to take effect; 0 to look only when woken.
        """
        # A look takes place at least this often; what a change costs besides, parsing and weaving, has the other half.
        self._interval = within / 1e9 / _LOOKS if within else None
        if self._loop is not None:
            self._loop.wake()
            return
        self._forget()
        self._loop = Loop("tracing-watch", self._step, suppress=suppress)
        self._loop.start()

    def end(self) -> None:
        """Stop the thread; called by any thread but its own it waits for it, a second at most."""
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.stop(_PATIENCE)

    def wake(self) -> None:
        """Have the files read at once, whatever they hold; a signal's handler may call this."""
        self._woken = True
        loop = self._loop
        if loop is not None:
            loop.wake()

    def pause(self) -> None:
        """Stop the thread before a fork, so that no reload is half-done in the child."""
        if self._loop is not None:
            self._loop.stop(_PATIENCE)

    def resume(self, *, woken: bool = False) -> None:
        """Start a thread anew after a fork.

        Args:
            woken: whether the files are to be read at once.
        """
        if self._loop is not None:
            woken = woken or self._woken
            self._forget()
            self._woken = woken
            self._loop = Loop("tracing-watch", self._step, suppress=suppress)
            self._loop.start()

    def _step(self) -> float | None:
        try:
            return self._work()
        except Exception as exc:
            contain("watch", exc)
            return self._interval

    def _work(self) -> float | None:
        if not self._begun:  # what starts a thread has just read the files
            self._begun = True
            if not self._woken:
                return self._interval
        if self._woken:
            self._woken = False
            if not self._reload():
                self._woken = True
                return _BUSY
            return self._interval
        if self._interval is None:
            return None
        found = self._look()
        if found == self._known():
            self._seen, self._unsettled = None, 0.0
            return self._interval
        if found != self._seen and self._unsettled < self._interval:
            # Somebody may be writing at this moment: it is taken when two looks have found the same.
            self._seen = found
            self._unsettled += _SETTLE
            return _SETTLE
        if not self._reload():
            return _BUSY
        self._seen, self._unsettled = None, 0.0
        return self._interval
