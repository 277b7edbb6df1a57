"""The control socket of a process, from activation to deactivation, through forks and to the exit."""

from __future__ import annotations

import atexit
import select
import socket
import threading
import weakref
from collections.abc import Callable
from contextvars import copy_context
from pathlib import Path

from tracing_proxies.control.service import Commands, Service, start
from tracing_proxies.failures import contain


class ControlServer:
    """The socket of one process.

    Args:
        commands: what each command calls; it answers in plain values.
        suppress: called once in the thread; switches tracing off for it.
    """

    def __init__(self, commands: Commands, suppress: Callable[[], None] = lambda: None) -> None:
        self._commands = commands
        self._suppress = suppress
        self._opening = threading.Lock()
        self._service: Service | None = None

    @property
    def path(self) -> Path | None:
        """Where the socket stands, None if there is none."""
        service = self._service
        return None if service is None else service.path

    def open(self) -> None:
        """Have a socket, once; where that cannot be, the failure is counted and the application goes on without."""
        if self._service is not None or not (hasattr(socket, "AF_UNIX") and hasattr(select, "poll")):
            return  # not there on some systems, and taken away by eventlet
        if not self._opening.acquire(blocking=False):
            return
        try:
            if self._service is None:
                self._service = copy_context().run(self._start)
                _close_at_exit(self)
        except (OSError, RuntimeError) as exc:  # no folder, no descriptor, or no thread is to be had
            contain("control", exc)
        finally:
            self._opening.release()

    def _start(self) -> Service:
        self._suppress()  # in a context of its own: an application may trace what this uses
        return start(self._commands, self._suppress)

    def close(self) -> None:
        """Take the socket away, and let the thread end."""
        service, self._service = self._service, None
        if service is not None:
            service.stop()

    def rest(self) -> None:
        """End the thread, if it is idle, for the moment of a fork: Python warns of forks beside other threads."""
        service = self._service
        if service is not None:
            service.rest()

    def go_on(self) -> None:
        """Have the thread again after a fork, in the parent."""
        service = self._service
        if service is not None:
            try:
                service.go_on()
            except RuntimeError as exc:  # no thread is to be had any more
                self.close()
                contain("control", exc)

    def forget(self) -> None:
        """Drop the parent's socket in a forked child; its own is made by the next ``open``."""
        service, self._service = self._service, None
        self._opening = threading.Lock()
        if service is not None:
            service.forget()


_open: weakref.WeakSet[ControlServer] = weakref.WeakSet()
_registered = False


def _close_at_exit(server: ControlServer) -> None:
    global _registered
    _open.add(server)
    if not _registered:  # once for all: what is registered anew at each activation adds up
        _registered = True
        atexit.register(_at_exit)


def _at_exit() -> None:
    for server in list(_open):
        server.close()
