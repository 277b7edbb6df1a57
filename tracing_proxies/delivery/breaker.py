"""Says whether a destination is left alone at the moment, since when and why, and when it is tried again."""

from __future__ import annotations

import enum
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from tracing_proxies.delivery.backoff import PROBE_FOR, Backoff

FAILURES_TO_OPEN = 5
PROBE_PATIENCE = 1.5
_ONLY_SHORT_PROBES = 60.0
_LONG_PROBE_EVERY = 5


class State(enum.Enum):
    """Whether a destination is used."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Breaker:
    """A circuit breaker: closed while the destination works, open while it is left alone, half-open during a probe.

    It opens at once where nobody answers or we are not let in, and after five failures in a row where the answer is
    that of passing trouble; until then, full-jitter backoff decides. Only a success closes it.

    Args:
        backoff: says how long to wait where the destination does not.
        clock: seconds, monotonic.
        wall: seconds since the epoch, for people to read.

    Attributes:
        retry_at: when the next attempt is due, by ``clock``; 0.0 for at once.
        reachable: whether the destination answered last, and let us in.
        reason: what was wrong last, "" while it works.
        asked_to_wait: whether the pause is one that the destination asked for.
    """

    def __init__(
        self,
        backoff: Backoff,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._backoff = backoff
        self._clock = clock
        self._wall = wall
        self.state = State.CLOSED
        self.failures = 0
        self.retry_at = 0.0
        self.reachable = True
        self.reason = ""
        self.asked_to_wait = False
        self._since: float | None = None
        self._opened = 0.0

    def attempt(self) -> None:
        """Note that an attempt begins."""
        if self.state is State.OPEN:
            self.state = State.HALF_OPEN

    def patience(self) -> float | None:
        """Return for how many seconds at most the attempt that has begun should wait; None for as long as any.

        A probe that hangs as long as a request may would meet the end of an outage late. A server that has become slow
        is given its time once the outage has lasted for a minute, by every fifth probe.
        """
        if self.state is not State.HALF_OPEN or self.asked_to_wait:
            return None
        lasted = self._clock() - self._opened
        if lasted < _ONLY_SHORT_PROBES or (lasted < PROBE_FOR and self.failures % _LONG_PROBE_EVERY):
            return PROBE_PATIENCE
        return None

    def hurry(self) -> None:
        """Let the next attempt come at once, unless the destination has asked for the pause."""
        if not self.asked_to_wait:
            self.retry_at = 0.0

    def retry(self) -> None:
        """Let the next attempt come at once: what it was refused for may have been mended."""
        self.retry_at, self.asked_to_wait = 0.0, False

    def succeed(self) -> None:
        """Note that the destination works."""
        if self.state is not State.CLOSED:
            self._turn(State.CLOSED)
        self._backoff.succeed()
        self.failures = 0
        self.retry_at, self.reachable, self.reason, self.asked_to_wait = 0.0, True, "", False

    def fail(self, reason: str, *, reachable: bool, pause: float | None) -> bool:
        """Note a failure.

        Args:
            reason: for people; holds no secrets.
            reachable: False where nobody answers or we are not let in.
            pause: seconds for which the destination is to be left alone, None for the backoff's.

        Returns:
            Whether the breaker has opened by it.
        """
        was_closed = self.state is State.CLOSED
        self.failures += 1
        opens = not reachable or self.failures >= FAILURES_TO_OPEN
        if was_closed and opens:
            self._turn(State.OPEN)
            self._opened = self._clock()
        elif not was_closed:
            self.state = State.OPEN
        own_pause = self._backoff.fail(probing=self.state is State.OPEN)
        self.retry_at = self._clock() + (own_pause if pause is None else pause)
        self.reachable, self.reason, self.asked_to_wait = reachable, reason, pause is not None
        return was_closed and opens

    def retry_in(self) -> float:
        """Return the seconds until the next attempt is due."""
        return max(0.0, self.retry_at - self._clock()) if self.retry_at else 0.0

    def status(self) -> dict[str, Any]:
        """Return the state in plain values; ``since`` is None where it has never changed."""
        since = None
        if self._since is not None:
            since = datetime.fromtimestamp(self._since, timezone.utc).isoformat(timespec="seconds")
        return {
            "state": self.state.value,
            "since": since,
            "reason": self.reason,
            "failures": self.failures,
            "next_probe_in": None if self.state is State.CLOSED else round(self.retry_in(), 1),
        }

    def _turn(self, state: State) -> None:
        self.state = state
        self._since = self._wall()
