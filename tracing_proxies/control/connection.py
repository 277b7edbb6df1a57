"""One client at the control socket: what it has asked so far, and what it has still to be told."""

from __future__ import annotations

import socket
import sys
from typing import Final

from tracing_proxies.control.messages import LARGEST_REQUEST

_CHUNK: Final = 64 * 1024
NO_SIGNAL: Final = getattr(socket, "MSG_NOSIGNAL", 0)
"""Said with everything that is sent: an application that lets SIGPIPE kill it must not die of a client's hanging up."""
_SO_NOSIGPIPE: Final = 0x1022  # macOS, which says the same once for each socket


class Connection:
    """A connection that is never waited for.

    Args:
        client: the socket.
        deadline: the time, of the monotonic clock, at which it is given up.
    """

    def __init__(self, client: socket.socket, deadline: float) -> None:
        client.setblocking(False)
        if str(sys.platform) == "darwin":
            client.setsockopt(socket.SOL_SOCKET, _SO_NOSIGPIPE, 1)
        self.client = client
        self.deadline = deadline
        self._asked = b""
        self._answer: memoryview | None = None

    @property
    def is_answered(self) -> bool:
        """Whether its answer is known, and is to be written."""
        return self._answer is not None

    def read(self) -> bytes | None:
        """Take what has come.

        Returns:
            The line, without its end, once it is complete; None as long as it is not.

        Raises:
            EOFError: the client has gone, or says more than a request may hold.
        """
        try:
            received = self.client.recv(LARGEST_REQUEST + 1)
        except BlockingIOError:
            return None
        self._asked += received
        line, end, _ = self._asked.partition(b"\n")
        if end and len(line) <= LARGEST_REQUEST:
            return line
        if not received:
            raise EOFError("half a line")
        if len(self._asked) > LARGEST_REQUEST:
            raise EOFError(f"the request is longer than {LARGEST_REQUEST:,} bytes")
        return None

    def answer(self, line: bytes, deadline: float) -> None:
        """Give it its answer, which ``write`` sends."""
        self._answer = memoryview(line)
        self.deadline = deadline

    def write(self) -> bool:
        """Send as much of the answer as can be sent at once.

        Returns:
            Whether it is sent to its end.
        """
        left = self._answer
        while left:
            try:
                left = left[self.client.send(left[:_CHUNK], NO_SIGNAL) :]
            except BlockingIOError:
                break
        self._answer = left
        return not left

    def close(self) -> None:
        """Hang up."""
        self.client.close()
