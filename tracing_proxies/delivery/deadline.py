"""A socket whose deadline holds for a whole exchange, so that a server cannot stretch it byte by byte."""

from __future__ import annotations

import io
import time
from typing import Any

_PIECE = 64 * 1024


class TooMuch(OSError):
    """The server has sent more than an answer can have."""


class DeadlineSocket:
    """What ``http.client`` needs of a socket.

    Args:
        sock: connected.
        most_received: bytes that one exchange may receive.
    """

    def __init__(self, sock: Any, most_received: int) -> None:
        self._sock = sock
        self._most_received = most_received
        self._readers = 0
        self._closed = False
        self.begin(0.0)

    def begin(self, deadline: float) -> None:
        """Begin an exchange that must have ended by ``deadline``, in seconds of the monotonic clock."""
        self._deadline = deadline
        self._allowance = self._most_received

    def sendall(self, data: Any) -> None:
        """Send all of it, or raise ``TimeoutError`` at the deadline."""
        # In pieces: the timeout of a TLS socket's own `sendall` holds for each of its records alone.
        rest = memoryview(data).cast("B")
        while rest:
            self._sock.settimeout(self._left())
            rest = rest[self._sock.send(rest[:_PIECE]) :]

    def makefile(self, mode: str, *args: Any, **kwargs: Any) -> io.BufferedReader:
        """Return a reader of what comes in."""
        self._readers += 1
        return io.BufferedReader(_Reader(self))

    def receive_into(self, buffer: Any) -> int:
        """Receive what there is, or raise ``TimeoutError`` at the deadline."""
        if self._allowance <= 0:
            raise TooMuch("the reply has no end")
        self._sock.settimeout(self._left())
        received = int(self._sock.recv_into(buffer))
        self._allowance -= received
        return received

    def close(self) -> None:
        """Close the socket, once nobody reads from it any more."""
        # As with a real socket, a reader that is still open keeps the connection: http.client closes the socket of a
        # server that says `Connection: close` before it reads the reply.
        self._closed = True
        if not self._readers:
            self._sock.close()

    def release(self) -> None:
        """Note that a reader was closed."""
        self._readers -= 1
        if self._closed:
            self.close()

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline of the exchange has passed")
        return left


class _Reader(io.RawIOBase):
    def __init__(self, sock: DeadlineSocket) -> None:
        self._deadline_socket = sock

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._deadline_socket.release()

    def readinto(self, buffer: Any) -> int:
        return self._deadline_socket.receive_into(buffer)
