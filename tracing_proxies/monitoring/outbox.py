"""What is still to be told by one channel: in order, not too fast, tried again after a failure, and bounded."""

from __future__ import annotations

import logging
from _thread import allocate_lock  # past gevent's: only our own threads wait for it
from collections import Counter, deque
from collections.abc import Callable
from typing import Any, Final

from tracing_proxies.delivery.backoff import Backoff
from tracing_proxies.failures import contain
from tracing_proxies.monitoring.channel_messages import Notification
from tracing_proxies.monitoring.channels import Channel, ChannelError

MOST_WAITING: Final = 100
MOST_ATTEMPTS: Final = 10
_BURST: Final = 5
_BUSY: Final = 1.0
_log = logging.getLogger("tracing_proxies.alerts")


class Outbox:
    """The notifications for one channel.

    Args:
        rate: how many are sent per second at most, after a few at once; None for any number.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        name: str,
        channel: Channel,
        rate: float | None,
        clock: Callable[[], float],
        backoff: Backoff | None = None,
    ) -> None:
        self.name = name
        self._channel = channel
        self._rate = rate
        self._clock = clock
        self._backoff = backoff or Backoff(clock)
        self._waiting: deque[Notification] = deque()
        self._sending = allocate_lock()
        self._retry_at = 0.0
        self._attempts = 0
        self._allowance = float(_BURST)
        self._counted_at = clock()
        self._counts: Counter[str] = Counter()
        self._reason = ""

    def put(self, notification: Notification) -> None:
        """Add one; where a hundred wait already the oldest is dropped, and counted."""
        self._waiting.append(notification)
        if len(self._waiting) > MOST_WAITING:
            self._waiting.popleft()
            self._counts["dropped"] += 1
            self._attempts = 0

    def step(self) -> float | None:
        """Send one, if one is due.

        Returns:
            Seconds until the next may be; None where there is none.
        """
        if not self._waiting:
            return None
        # A thread that was asked to end may still be at it, while its successor has begun.
        if not self._sending.acquire(blocking=False):
            return _BUSY
        try:
            pause = self._pause()
            if pause <= 0:
                self._send()
            return self._pause() if self._waiting else None
        finally:
            self._sending.release()

    def _send(self) -> None:
        self._allowance -= 1
        self._attempts += 1
        try:
            self._channel.send(self._waiting[0])
        except ChannelError as error:
            self._fail(str(error), for_good=error.for_good)
        except Exception as exc:  # a handler of the application's own, or a channel that fails in another way
            self._fail(f"it raised {type(exc).__name__}", for_good=True)
            contain("alerts.channel", exc)
        else:
            self._counts["sent"] += 1
            self._reason = ""
            self._next()

    def status(self) -> dict[str, Any]:
        """Describe it in plain values, without anything of what is told."""
        counts = {name: self._counts[name] for name in ("sent", "failed", "dropped")}
        return {"waiting": len(self._waiting), **counts, "reason": self._reason}

    def _pause(self) -> float:
        now = self._clock()
        wait = max(0.0, self._retry_at - now)
        if self._rate is None:
            return wait
        self._allowance = min(_BURST, self._allowance + max(0.0, now - self._counted_at) * self._rate)
        self._counted_at = now
        return wait if self._allowance >= 1 else max(wait, (1 - self._allowance) / self._rate)

    def _fail(self, reason: str, *, for_good: bool) -> None:
        first = not self._reason
        self._reason = reason
        self._counts["failed"] += 1
        if first:
            _log.warning("the channel %s could not tell of an alert: %s", self.name, reason)
        if for_good or self._attempts >= MOST_ATTEMPTS:
            self._counts["dropped"] += 1
            self._next()
        else:
            self._retry_at = self._clock() + self._backoff.fail()

    def _next(self) -> None:
        if self._waiting:  # else it was dropped for newer ones meanwhile
            self._waiting.popleft()
        self._attempts, self._retry_at = 0, 0.0
        self._backoff.succeed()
