"""Resolves names within a deadline: the system's resolver knows none, and may take half a minute to give up."""

from __future__ import annotations

import _socket
import codecs
import contextvars
import socket
from typing import Any

from tracing_proxies.delivery.native import Empty, SimpleQueue, make_thread, replaced_by, take
from tracing_proxies.exclusion import importing

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
        self._answers: SimpleQueue[list[Address] | OSError] | None = None

    def resolve(self, timeout: float) -> list[Address]:
        """Return the host's addresses, at least one.

        Args:
            timeout: seconds.

        Raises:
            OSError: there is no such name, or nobody who knows.
            TimeoutError: there is no answer yet.
        """
        with importing:
            codecs.lookup("idna")  # what looks a name up imports it
        try:
            # The C function, which asks nobody here, and is the same whoever has replaced the other one.
            found = _socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
            return list(found)
        except socket.gaierror:
            pass  # it is a name
        answers = self._answers
        if answers is None:
            asked: SimpleQueue[list[Address] | OSError] = SimpleQueue()
            answers = asked
            context = contextvars.copy_context()  # in which tracing is switched off
            thread = make_thread("tracing-resolver", lambda: context.run(self._look_up, asked))
            try:
                thread.start()
            except RuntimeError:  # the interpreter starts no more threads
                self._look_up(answers)
            self._answers = answers
        try:
            answer = take(answers, max(0.0, timeout))
        except Empty:
            raise TimeoutError("the name was not resolved in time") from None
        self._answers = None
        if isinstance(answer, OSError):
            raise answer
        return answer

    def _look_up(self, answers: SimpleQueue[list[Address] | OSError]) -> None:
        # Where a hub's own has taken its place, the thread that would have to run it is none of the hub's.
        look_up: Any = _socket.getaddrinfo if replaced_by() else socket.getaddrinfo
        try:
            found: list[Address] | OSError = look_up(self._host, self._port, type=socket.SOCK_STREAM)
        except OSError as exc:
            found = exc
        except Exception as exc:  # no name could be that, or an application's own function failed: never no answer
            found = socket.gaierror(type(exc).__name__)
        answers.put(found)
