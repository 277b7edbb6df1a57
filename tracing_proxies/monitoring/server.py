"""Answers over HTTP at the loopback address, one short exchange at a time for each who asks: metrics, and health."""

from __future__ import annotations

import errno
import re
import select
import socket
import time
from _thread import get_ident
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from tracing_proxies.control.connection import NO_SIGNAL
from tracing_proxies.delivery import besides
from tracing_proxies.delivery.native import RLock, Thread, forget_stand_in, make_thread
from tracing_proxies.failures import contain

LOOPBACK: Final = "127.0.0.1"
_LONGEST_REQUEST: Final = 16 * 1024
_TIME_TO_ASK: Final = 2.0
_TIME_TO_TAKE: Final = 5.0
_TIME_TO_END: Final = 0.2
_MOST_CLIENTS: Final = 16
_BACKLOG: Final = 32
_CHUNK: Final = 64 * 1024
_HOST: Final = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?", re.IGNORECASE)
_TAKEN: Final = frozenset((errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL))
_make_poll: Final[Any] = getattr(select, "poll", None)  # kept: eventlet takes it away


@attrs.frozen(eq=False, repr=False)
class Answer:
    """What is answered.

    Args:
        status: of HTTP, with its reason, such as ``200 OK``.
    """

    status: str
    kind: str
    body: bytes


Route = Callable[[str], "tuple[str, bytes] | Answer"]
"""Takes what the client accepts; returns the type and the body of what there is, or a whole answer."""


@attrs.define(eq=False, repr=False)
class _Client:
    """One who asks."""

    socket: socket.socket
    deadline: float
    asked: bytes = b""
    left: memoryview | None = None


class Server:
    """Listens at one port, as far as no other process does.

    Several workers of one application are told the same port: the first takes it, and answers for all; when it ends,
    another one takes it at its next ``listen``. No request is waited for, and nobody beyond this machine is answered.

    Args:
        routes: by path, what answers; called on the server's thread. More may be added at any time.
        suppress: switches tracing off for the thread that calls it.
    """

    def __init__(self, routes: Mapping[str, Route], suppress: Callable[[], None]) -> None:
        self.routes: dict[str, Route] = dict(routes)
        self._suppress = suppress
        self._guard = RLock()
        self._port: int | None = None
        self._listener: socket.socket | None = None
        self._ear: socket.socket | None = None
        self._bell: socket.socket | None = None
        self._thread: Thread | None = None
        self._life: object = None
        self._ident = 0

    @property
    def port(self) -> int | None:
        """The port at which this very process listens; None where it does not."""
        listener = self._listener
        return None if listener is None else int(listener.getsockname()[1])

    def listen_at(self, port: int | None) -> None:
        """Listen at a port from now on, if it is free; None for at none."""
        with self._guard:
            if port != self._port:
                self._close()
                self._port = port
        self.listen()

    def listen(self) -> None:
        """Take the port if one is asked for, and nobody else has it."""
        with self._guard:
            if self._port is None or self._listener is not None or _make_poll is None:
                return
            listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind((LOOPBACK, self._port))
                listener.listen(_BACKLOG)
                listener.setblocking(False)
                self._listener = listener
                self._ear, self._bell = socket.socketpair()
                self._ear.setblocking(False)
                self._start()
            except (OSError, RuntimeError) as exc:
                listener.close()
                self._close()
                if not isinstance(exc, OSError) or exc.errno not in _TAKEN:
                    contain("monitoring.listen", exc)

    def rest(self) -> None:
        """End the thread for the moment of a fork; who asks meanwhile waits."""
        with self._guard:
            self._end_thread()

    def go_on(self) -> None:
        """Have a thread again."""
        with self._guard:
            if self._listener is not None:
                try:
                    self._start()
                except RuntimeError as exc:
                    self._close()
                    contain("monitoring.listen", exc)

    def forget(self) -> None:
        """Close what a forked child has of its parent's, which listens still."""
        self._guard = RLock()
        self._thread = None
        self._close()

    def close(self) -> None:
        """Listen no more."""
        with self._guard:
            self._port = None
            self._close()

    def _start(self) -> None:
        life = self._life = object()
        self._thread = make_thread("tracing-http", lambda: self._run(life))
        self._thread.start()

    def _end_thread(self) -> None:
        thread, self._thread = self._thread, None
        self._life = None
        if thread is not None and self._bell is not None:
            try:
                self._bell.send(b"\0", NO_SIGNAL)
            except OSError:  # it has ended already
                return
            if self._ident != get_ident():
                thread.join(_TIME_TO_END)

    def _close(self) -> None:
        self._end_thread()
        for end in (self._listener, self._ear, self._bell):
            if end is not None:
                end.close()
        self._listener = self._ear = self._bell = None

    def _run(self, life: object) -> None:
        self._ident = get_ident()
        self._suppress()
        meter = besides.Meter()
        listener, ear = self._listener, self._ear
        if listener is None or ear is None:
            return
        clients: dict[int, _Client] = {}
        try:
            while self._life is life:
                self._serve(listener, ear, clients)
                forget_stand_in()
                meter.read()
        except (OSError, ValueError) as exc:
            if self._life is life:  # the application has closed what it does not know
                contain("monitoring.serve", exc)
        finally:
            for client in clients.values():
                client.socket.close()

    def _serve(self, listener: socket.socket, ear: socket.socket, clients: dict[int, _Client]) -> None:
        poll = _make_poll()
        poll.register(ear, select.POLLIN)
        poll.register(listener, select.POLLIN)
        for client in clients.values():
            poll.register(client.socket, select.POLLIN if client.left is None else select.POLLOUT)
        pause = None
        if clients:
            pause = max(0.0, min(client.deadline for client in clients.values()) - time.monotonic()) * 1_000 + 1
        for descriptor, _ in poll.poll(pause):
            if descriptor == ear.fileno():
                ear.recv(_CHUNK)
            elif descriptor == listener.fileno():
                self._accept(listener, clients)
            elif descriptor in clients and self._attend(clients[descriptor]):
                clients.pop(descriptor).socket.close()
        now = time.monotonic()
        for descriptor in [known for known, client in clients.items() if client.deadline <= now]:
            clients.pop(descriptor).socket.close()

    def _accept(self, listener: socket.socket, clients: dict[int, _Client]) -> None:
        try:
            accepted, _ = listener.accept()
        except BlockingIOError:
            return
        accepted.setblocking(False)
        if len(clients) >= _MOST_CLIENTS:
            clients.pop(min(clients, key=lambda known: clients[known].deadline)).socket.close()
        clients[accepted.fileno()] = _Client(accepted, time.monotonic() + _TIME_TO_ASK)

    def _attend(self, client: _Client) -> bool:
        """Take what has come from a client, or send what can be sent; returns whether it is done with."""
        try:
            if client.left is None:
                received = client.socket.recv(_CHUNK)
                client.asked += received
                if b"\r\n\r\n" not in client.asked:
                    return not received or len(client.asked) > _LONGEST_REQUEST
                client.left = memoryview(self._answer(client.asked))
                client.deadline = time.monotonic() + _TIME_TO_TAKE
            while client.left:
                client.left = client.left[client.socket.send(client.left[:_CHUNK], NO_SIGNAL) :]
            return True
        except BlockingIOError:
            return False
        except OSError:  # the client has hung up
            return True

    def _answer(self, asked: bytes) -> bytes:
        head, *lines = asked.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        method, _, target = head.partition(" ")
        answer = self._find(method, target.partition(" ")[0].partition("?")[0], headers)
        first = (
            f"HTTP/1.1 {answer.status}\r\nContent-Type: {answer.kind}\r\nContent-Length: {len(answer.body)}\r\n"
            "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
        )
        return first.encode("latin-1") + (b"" if method == "HEAD" else answer.body)

    def _find(self, method: str, path: str, headers: Mapping[str, str]) -> Answer:
        if method not in ("GET", "HEAD"):
            return _told("405 Method Not Allowed", "only GET is answered")
        # A page of anybody's, whose name leads to this machine, must not read what is here.
        if _HOST.fullmatch(headers.get("host", "localhost")) is None:
            return _told("403 Forbidden", "only who asks for localhost is answered")
        route = self.routes.get(path)
        if route is None:
            return _told("404 Not Found", "there is " + ", ".join(sorted(self.routes)))
        try:
            found = route(headers.get("accept", ""))
        except Exception as exc:
            contain("monitoring.answer", exc)
            return _told("500 Internal Server Error", "the answer failed; the application is not affected")
        return found if isinstance(found, Answer) else Answer("200 OK", *found)


def _told(status: str, text: str) -> Answer:
    return Answer(status, "text/plain; charset=utf-8", text.encode() + b"\n")
