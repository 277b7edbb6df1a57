"""Wakes somebody at a signal, beside the application's own handler, and gives the signal back exactly."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from _thread import get_ident
from collections.abc import Callable
from types import FrameType
from typing import Any

from tracing_proxies.weaving.internal import cut_frame, internal


class SignalBell:
    """Stands as the handler of one signal, and calls the application's after it has rung.

    Args:
        ring: called at each signal, within the handler: it must take no lock.
    """

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring: Callable[[], None] | None = None
        self._to_ring = ring
        self._handler: Any = None
        self._before: Any = None
        self._number = 0
        self._had_terminal = False
        self.name: str | None = None
        self.refusal: str | None = None

    def install(self, name: str | None) -> None:
        """Listen to a signal, in place of the one before; ``refusal`` says why if that cannot be.

        Args:
            name: as in ``SIGHUP``, None for no signal.
        """
        if name is not None and name == self.name:
            return  # also where the application has put its own handler over it since
        self.remove()
        self.refusal = None if name is None else self._reason(name)
        if name is None or self.refusal is not None:
            return
        number = int(getattr(signal, name))
        before = signal.getsignal(number)
        handler = self._make_handler(before)
        try:
            signal.signal(number, handler)
        except ValueError:  # a sub-interpreter
            self.refusal = "a signal's handler can be set in the main interpreter only"
            return
        self._had_terminal = number == _HANGUP and before is signal.SIG_DFL and _has_terminal()
        self._number, self._handler, self._before, self.name = number, handler, before, name
        self._ring = self._to_ring

    @property
    def is_installed(self) -> bool:
        """Whether the handler is still ours: the application may have put its own in its place since."""
        return self.name is not None and signal.getsignal(self._number) is self._handler

    def remove(self) -> None:
        """Put back what was there; a handler that the application has set since stays.

        Where this is not possible, outside of the main thread, or where another handler has kept ours to call it, ours
        does no more than to pass the signal on.
        """
        self.name = self._ring = None
        if self._handler is None or not _is_in_main_thread():
            return
        if signal.getsignal(self._number) is self._handler:
            signal.signal(self._number, self._before)
        self._handler = self._before = None

    def _reason(self, name: str) -> str | None:
        if not hasattr(signal, name):
            return f"this platform has no {name}"
        if not _is_in_main_thread():
            return "a signal's handler can be set in the main thread only"
        before = signal.getsignal(getattr(signal, name))
        if before is signal.SIG_IGN:
            return f"the process ignores {name}"
        if before is None:
            return f"{name} has a handler that was not set from Python"
        return None

    def _make_handler(self, before: Any) -> Callable[[int, FrameType | None], Any]:
        bell = self

        @internal
        def handler(number: int, frame: FrameType | None) -> Any:
            __tracebackhide__ = True
            ring = bell._ring
            if ring is not None and not bell._is_hung_up():
                ring()
            elif before is signal.SIG_DFL and signal.getsignal(number) is handler:
                _die_of(number)
            if not callable(before):
                return None
            try:
                return before(number, frame)
            except BaseException as exc:
                cut_frame(exc)
                raise

        return handler

    def _is_hung_up(self) -> bool:
        # The window was closed: untraced, the process would end now. No lock is taken to find out.
        return self._had_terminal and not _has_terminal()


def _die_of(number: int) -> None:
    """Do what the signal does to a process that has no handler for it; handlers run in the main thread."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC | os.O_NONBLOCK))
    except OSError as error:
        return error.errno not in (errno.ENXIO, errno.EIO, errno.ENOENT)
    return True


_HANGUP = int(getattr(signal, "SIGHUP", 0)) if sys.platform != "win32" else 0


def _is_in_main_thread() -> bool:
    # Not `current_thread()`, which makes up a thread where it knows none. gevent exchanges the main thread's number.
    return threading.main_thread().ident in (get_ident(), threading.get_ident())
