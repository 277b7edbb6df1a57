"""A pipeline with a spool in front of a network that fails, and the account that must hold after each fault."""

from __future__ import annotations

import socket
import threading
import time
from _thread import get_ident
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.contract.server import PUBLIC_KEY, SECRET_KEY
from tests.delivery.support import observation, wait_until
from tracing_proxies.delivery import native
from tracing_proxies.delivery.ledger import Ledger, Snapshot
from tracing_proxies.delivery.pipeline import Pipeline
from tracing_proxies.delivery.sinks.langfuse import LangfuseSink
from tracing_proxies.delivery.sinks.protocol import Sink, Storage


class Clock:
    """The monotonic clock, which a test may put forward."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self._ahead

    def advance(self, seconds: float) -> None:
        """Let so many seconds have passed."""
        self._ahead += seconds


class Application:
    """Something that makes spans, and sees to what becomes of them.

    Args:
        sinks: the destinations; the first is the one that is asked about.
    """

    def __init__(self, *sinks: Sink) -> None:
        self.clock = Clock()
        self.pipeline = Pipeline(sinks, lambda span: span, ledger=Ledger(), clock=self.clock)
        self.name = sinks[0].name
        self.sent: list[str] = []

    def make(self, count: int, **changes: Any) -> None:
        """Make spans, and have them on disk as one request."""
        spans = [observation(**changes) for _ in range(count)]
        for span in spans:
            self.pipeline.put(span)
        self.sent += [span.id for span in spans]
        # Taken by the worker, written down by it: only then is it certain that it makes one request.
        assert wait_until(lambda: self.pipeline.ledger.settled() >= len(self.sent))

    @property
    def status(self) -> dict[str, Any]:
        """What the first destination says of itself."""
        found: dict[str, Any] = self.pipeline.status()["sinks"][self.name]
        return found

    @property
    def breaker(self) -> dict[str, Any]:
        """What is said of its breaker."""
        found: dict[str, Any] = self.status["breaker"]
        return found

    def account(self) -> Snapshot:
        """Return the account, after making sure that it adds up for every destination."""
        snapshot = self.pipeline.ledger.check()
        for one in (snapshot, *snapshot.sinks.values()):
            reasons = sum(one.dropped.values())
            assert one.produced == one.delivered + one.sampled_out + reasons + one.queued + one.spooled
        assert snapshot.produced == len(self.sent)
        return snapshot

    def ends_with(self, **expected: Any) -> bool:
        """Wait until the account says so; what is not named must be nothing, and nothing may have been lost."""
        wanted = {"delivered": 0, "spooled": 0, "queued": 0, "dropped": {}, **expected}
        return wait_until(lambda: {name: getattr(self.account(), name) for name in wanted} == wanted, 20)

    def tries(self, more: int = 1) -> bool:
        """Wait until it has tried so many times more."""
        goal = self.status["attempts"] + more
        return wait_until(lambda: self.status["attempts"] >= goal, 20)

    def has_tried(self) -> bool:
        """Wait until it has tried at all."""
        return wait_until(lambda: self.status["attempts"] > 0, 20)

    def is_left_alone(self) -> bool:
        """Wait until the breaker is open."""
        return wait_until(lambda: self.breaker["state"] == "open", 20)

    def retry_now(self) -> None:
        """Let the pause have passed that is under way."""
        self.clock.advance(self.status["retry_in"])


def langfuse(url: str, folder: Path, **settings: Any) -> LangfuseSink:
    """Return a Langfuse sink with a spool and deadlines that suit a test."""
    arguments = {"linger": 0.05, "connect_timeout": 0.5, "read_timeout": 0.5, "storage": Storage(folder), **settings}
    return LangfuseSink(url, PUBLIC_KEY, SECRET_KEY, **arguments)


class Names:
    """A name server in the test's hands: it stands for the one of the network, behind ``socket.getaddrinfo``.

    Args:
        name: the only one that it answers for; all others are the system's.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.answer: str | None = None
        self.asked_by: list[str] = []
        self.gate = threading.Event()
        self.gate.set()
        self._system: Callable[..., Any] = socket.getaddrinfo

    def __call__(self, host: Any, *arguments: Any, **named: Any) -> Any:
        if host != self.name:
            return self._system(host, *arguments, **named)
        self.asked_by.append(native.ours().get(get_ident(), "the application"))
        self.gate.wait(30)
        if self.answer is None:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return self._system(self.answer, *arguments, **named)


class FullHouse:
    """A port that somebody listens on, and where no more connections are let in: connecting to it takes for ever."""

    def __init__(self) -> None:
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(0)
        self.port = self._listener.getsockname()[1]
        self._guests: list[socket.socket] = []
        for _ in range(4):  # the kernel takes one or two more than it was told
            guest = socket.socket()
            guest.setblocking(False)
            guest.connect_ex(("127.0.0.1", self.port))
            self._guests.append(guest)

    def close(self) -> None:
        """Give the port back."""
        for one in (*self._guests, self._listener):
            one.close()
