"""What there is while a control socket is open: the listener, the one thread, the clients."""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from _thread import get_ident
from collections.abc import Callable, Mapping
from inspect import signature
from pathlib import Path
from typing import Any, Final

from tracing_proxies import debugging
from tracing_proxies.control.connection import NO_SIGNAL, Connection
from tracing_proxies.control.folder import new_path, own_folder, sweep, unborn
from tracing_proxies.control.messages import MessageError, read_request, write_error, write_result
from tracing_proxies.control.peer import is_welcome, uid_of_peer
from tracing_proxies.delivery import besides
from tracing_proxies.delivery.native import Thread, forget_stand_in, make_thread, replaced_by
from tracing_proxies.errors import TracingProxiesError
from tracing_proxies.failures import contain

TIME_TO_ASK: Final = 2.0
TIME_TO_TAKE: Final = 5.0
MOST_CLIENTS: Final = 16
_BACKLOG: Final = 64
_NAME: Final = "tracing-proxies-control"
_PAUSE: Final = 0.2
_TIME_TO_END: Final = 0.2
_TIME_TO_REST: Final = 0.05
_RINGS: Final = 64
_make_poll: Final[Any] = getattr(select, "poll", None)  # kept: eventlet takes it away

Commands = Mapping[str, Callable[..., Any]]
"""What each command calls: with what it is about, or with nothing."""


def start(commands: Commands, suppress: Callable[[], None]) -> Service:
    """Open a socket, and start the thread that serves it.

    Args:
        commands: what each command calls; it answers in plain values.
        suppress: called once in each thread; switches tracing off for it.

    Raises:
        OSError: there is no folder or no descriptor for it.
        RuntimeError: no thread can be started.
    """
    folder = own_folder()
    sweep(folder)
    path = new_path(folder)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.setblocking(False)
        listener.bind(str(unborn(path)))
        os.chmod(unborn(path), 0o600)
        listener.listen(_BACKLOG)
        os.rename(unborn(path), path)
        service = Service(commands, suppress, listener, path)
        service.go_on()
    except BaseException:
        listener.close()
        for name in (path, unborn(path)):
            name.unlink(missing_ok=True)
        raise
    return service


class Service:
    """One open socket."""

    def __init__(self, commands: Commands, suppress: Callable[[], None], listener: socket.socket, path: Path) -> None:
        self.path = path
        self._commands = commands
        self._suppress = suppress
        self._listener = listener
        self._ear, self._bell = socket.socketpair()
        self._identities = {end: _identity(end) for end in (listener, self._ear, self._bell)}
        self._ear.setblocking(False)
        self._clients: dict[int, Connection] = {}
        self._stopping = False
        self._at_work = False
        self._guard = threading.RLock()  # a signal's handler may fork in the midst of a fork
        self._resting = True
        self._runs = False
        self._ident = 0
        # What it does is done in the hub where there is one from the first, whose locks and sockets it has.
        self._in_hub = bool(replaced_by())
        self.thread = self._new_thread()

    def stop(self) -> None:
        """Take the name away at once; the thread closes the rest as soon as it has done what it is at."""
        self.path.unlink(missing_ok=True)
        with self._guard:
            self._stopping = True
            runs = self._runs
        if runs:
            self._wake(_TIME_TO_END)
        else:
            self._close()

    def rest(self) -> None:
        """End the thread for a moment, unless it is at work."""
        if not self._at_work:
            with self._guard:
                self._resting = True
            self._wake(_TIME_TO_REST)

    def go_on(self) -> None:
        """Have a thread again; clients that have come meanwhile are there still."""
        with self._guard:
            self._resting = False
            if self._runs or self._stopping:
                return
            self._runs = True
        self.thread = self._new_thread()
        self.thread.start()

    def _new_thread(self) -> Thread:
        if self._in_hub:
            return threading.Thread(target=self._run, name=_NAME, daemon=True)
        return make_thread(_NAME, self._run)

    def _wake(self, timeout: float) -> None:
        """Ring, and wait for the thread to end if it is idle."""
        try:
            self._bell.send(b"\0", NO_SIGNAL)
        except OSError:  # the thread has ended already
            return
        is_own = self.thread is threading.current_thread() if self._in_hub else self._ident == get_ident()
        if not is_own and self.thread.is_alive() and not self._at_work:
            self.thread.join(timeout)

    def forget(self) -> None:
        """Close what the parent has opened, without a word to it."""
        self._stopping = True
        self._close()

    def _close(self) -> None:
        are_ours = not self._is_closed_by_others()
        for connection in self._clients.values():
            if are_ours:
                connection.close()
            else:
                connection.client.detach()
        for end, identity in self._identities.items():
            if _identity(end) == identity:
                end.close()
            else:
                end.detach()

    def _is_closed_by_others(self) -> bool:
        """Tell whether the application has closed what it does not know, as daemons do: the numbers may be its own."""
        return any(_identity(end) != identity for end, identity in self._identities.items())

    def _run(self) -> None:
        self._ident = get_ident()
        self._suppress()
        meter = besides.Meter()
        try:
            while not (self._stopping or self._is_closed_by_others()):
                if self._is_to_rest():
                    return
                self._step()
                if not self._in_hub:
                    forget_stand_in()
                    meter.read()
        except Exception as exc:
            self._end()
            contain("control", exc)
        else:
            self._end()

    def _is_to_rest(self) -> bool:
        with self._guard:
            if self._resting:
                self._runs = False
            return self._resting

    def _end(self) -> None:
        self._close()
        self.path.unlink(missing_ok=True)

    def _step(self) -> None:
        # `poll` and not `epoll`: what a forked child does to an epoll, it does to its parent's.
        poll = _make_poll()
        poll.register(self._ear, select.POLLIN)
        poll.register(self._listener, select.POLLIN)
        for connection in self._clients.values():
            poll.register(connection.client, select.POLLOUT if connection.is_answered else select.POLLIN)
        for descriptor, _ in poll.poll(self._until_next_deadline()):
            if self._is_closed_by_others():
                return
            if descriptor == self._ear.fileno():
                self._ear.recv(_RINGS)
            if self._stopping or self._resting:
                return
            if descriptor == self._listener.fileno():
                self._accept()
            elif descriptor in self._clients:
                self._attend(descriptor)
        now = time.monotonic()
        for descriptor in [known for known, connection in self._clients.items() if connection.deadline <= now]:
            self._drop(descriptor)

    def _until_next_deadline(self) -> float | None:
        if not self._clients:
            return None
        nearest = min(connection.deadline for connection in self._clients.values())
        return max(0.0, nearest - time.monotonic()) * 1_000 + 1

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except BlockingIOError:
            return
        except OSError:  # the application has used up its descriptors, or the client has gone again
            time.sleep(_PAUSE)
            return
        if len(self._clients) >= MOST_CLIENTS:
            # The one that has been silent for longest: somebody who means it asks at once.
            self._drop(min(self._clients, key=lambda known: self._clients[known].deadline))
        now = time.monotonic()
        connection = self._clients[client.fileno()] = Connection(client, now + TIME_TO_ASK)
        if not _is_let_in(client):
            connection.answer(write_error("only the owner of this process and root may control it"), now + TIME_TO_ASK)
        self._attend(client.fileno())

    def _attend(self, descriptor: int) -> None:
        connection = self._clients[descriptor]
        try:
            if not connection.is_answered:
                line = connection.read()
                if line is None:
                    return
                self._answer(connection, line)
            if connection.write():
                self._drop(descriptor)
        except EOFError as refusal:
            connection.answer(write_error(str(refusal)), time.monotonic() + TIME_TO_ASK)
        except OSError:  # the client has hung up
            self._drop(descriptor)

    def _answer(self, connection: Connection, line: bytes) -> None:
        self._at_work = True
        try:
            answer = self._do(line)
        finally:
            self._at_work = False
        connection.answer(answer, time.monotonic() + TIME_TO_TAKE)

    def _do(self, line: bytes) -> bytes:
        try:
            command, about = read_request(line)
            action = self._commands.get(command)
            if action is None:
                return write_error(f"unknown command {command[:40]!r}; there are {', '.join(self._commands)}")
            if bool(signature(action).parameters) != (about is not None):
                needs = "needs to know what it is about" if about is None else "is about nothing"
                return write_error(f"the command {command!r} {needs}")
            debugging.tell("control", "command", command=command)
            return write_result(action() if about is None else action(about))
        except (MessageError, TracingProxiesError) as refusal:
            return write_error(str(refusal))
        except Exception as exc:
            contain("control", exc)
            return write_error(f"the command failed with {type(exc).__name__}; the application is not affected")

    def _drop(self, descriptor: int) -> None:
        self._clients.pop(descriptor).close()


def _identity(end: socket.socket) -> tuple[int, int] | None:
    """Return what the kernel calls a socket: its number alone may be given to another one."""
    try:
        found = os.fstat(end.fileno())
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _is_let_in(client: socket.socket) -> bool:
    try:
        return is_welcome(uid_of_peer(client))
    except OSError:
        return False
