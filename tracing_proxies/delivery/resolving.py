"""Resolves names within a deadline: the system's resolver knows none, and may take half a minute to give up."""

from __future__ import annotations

import contextvars
import queue
import socket
import threading
from typing import Any

Address = tuple[Any, ...]
"""What ``socket.getaddrinfo`` returns: family, type, protocol, canonical name, address."""


class Resolver:
    """Looks one host's addresses up. Used by one thread at a time.

    The look-up runs in a thread of its own, at most one at a time: one that is still under way when its deadline has
    passed is waited for again by the next ``resolve``.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._answers: queue.SimpleQueue[list[Address] | OSError] | None = None

    def resolve(self, timeout: float) -> list[Address]:
        """Return the host's addresses, at least one.

        Args:
            timeout: seconds.

        Raises:
            OSError: there is no such name, or nobody who knows.
            TimeoutError: there is no answer yet.
        """
        try:
            return socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        except socket.gaierror:
            pass  # it is a name
        answers = self._answers
        if answers is None:
            answers = queue.SimpleQueue()
            context = contextvars.copy_context()  # in which tracing is switched off
            thread = threading.Thread(
                target=context.run, args=(self._look_up, answers), name="tracing-resolver", daemon=True
            )
            try:
                thread.start()
            except RuntimeError:  # the interpreter starts no more threads
                self._look_up(answers)
            self._answers = answers
        try:
            answer = answers.get(timeout=max(0.0, timeout))
        except queue.Empty:
            raise TimeoutError("the name was not resolved in time") from None
        self._answers = None
        if isinstance(answer, OSError):
            raise answer
        return answer

    def _look_up(self, answers: queue.SimpleQueue[list[Address] | OSError]) -> None:
        try:
            found: list[Address] | OSError = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except OSError as exc:
            found = exc
        except UnicodeError:  # no name could be that: it does not survive IDNA
            found = socket.gaierror("not a name")
        answers.put(found)
