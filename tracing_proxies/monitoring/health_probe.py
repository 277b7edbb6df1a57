"""Asks a Langfuse server whether it is there, takes the keys, and has our time. Nothing is written to it."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from typing import Final

import attrs

from tracing_proxies.delivery.reply import skew_of
from tracing_proxies.monitoring.exchange import Answer, ExchangeError, exchange, origin_of

MOST_SKEW: Final = 30.0
_TIMEOUT: Final = 2.0
_LASTS: Final = 30.0


@attrs.frozen
class ServerState:
    """What a server has answered.

    Args:
        address: without what may be secret in it.
        problem: the rest of a sentence about it, "" where there is none.
        todo: what to do about it.
        answers: whether it is there at all.
        takes_keys: None where it was not asked.
        date: its ``Date`` header.
    """

    address: str
    problem: str = ""
    todo: str = ""
    answers: bool = True
    takes_keys: bool | None = None
    date: str | None = None

    @property
    def ok(self) -> bool:
        """Whether traces can be sent to it."""
        return not self.problem


def ask_server(host: str, public: str, secret: str) -> ServerState:
    """Ask a server for its health, and for the project of a pair of keys."""
    address, base = origin_of(host), host.rstrip("/")
    try:
        health = exchange("GET", base + "/api/public/health", {}, timeout=_TIMEOUT)
    except ExchangeError as error:
        todo = "Check the address, the network and the proxy's variables."
        return ServerState(address, error.why, todo, answers=False)
    if health.status != 200:
        todo = "Check the address; it is the one that the web pages have."
        return ServerState(address, f"answers HTTP {health.status} to its health check", todo, date=health.date)
    return _ask_for_project(address, base, public, secret, health)


def _ask_for_project(address: str, base: str, public: str, secret: str, health: Answer) -> ServerState:
    token = base64.b64encode(f"{public}:{secret}".encode()).decode("ascii")
    try:
        found = exchange("GET", base + "/api/public/projects", {"Authorization": f"Basic {token}"}, timeout=_TIMEOUT)
    except ExchangeError as error:
        return ServerState(address, error.why, "Ask again later.", answers=False, date=health.date)
    if found.status in (401, 403):
        problem = f"does not accept the keys (HTTP {found.status})"
        todo = "Check LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY."
        return ServerState(address, problem, todo, takes_keys=False, date=health.date)
    return ServerState(address, takes_keys=True, date=found.date or health.date)


def tell_skew(skew: float) -> tuple[str, str]:
    """Say that clocks differ, and what to do."""
    seen = f"This computer's clock is {abs(skew):,.0f} s {'ahead of' if skew > 0 else 'behind'} the server's."
    return seen, "Set the clock (NTP): traces would appear at the wrong time, or not at all."


class Probe:
    """Asks the server now and then, and remembers for half a minute what it has answered.

    Args:
        access: tells the server's address and keys, as they are by then; None where there is no server.
        clock: seconds, monotonic.
        wall: seconds since the epoch.
    """

    def __init__(
        self,
        access: Callable[[], tuple[str, str, str] | None],
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._access = access
        self._clock = clock
        self._wall = wall
        self._asked_at = -_LASTS
        self._state: ServerState | None = None
        self.skew: float | None = None

    def ask(self) -> ServerState | None:
        """Return the server's state, asked for at most half a minute ago; None where there is no server."""
        now = self._clock()
        if now - self._asked_at >= _LASTS:
            access = self._access()
            self._state = None if access is None else ask_server(*access)
            self.skew = None if self._state is None else skew_of(self._state.date, self._wall())
            self._asked_at = self._clock()
        return self._state

    def forget(self) -> None:
        """Ask anew the next time."""
        self._asked_at = -_LASTS
