"""The way to one sink: a backlog that is bounded in bytes, one attempt at a time, and the wait between attempts."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from tracing_proxies import debugging
from tracing_proxies.delivery.backoff import Backoff
from tracing_proxies.delivery.batch import BATCH_SPANS, Batch, merge
from tracing_proxies.delivery.breaker import Breaker
from tracing_proxies.delivery.ledger import Ledger
from tracing_proxies.delivery.sends import Sends
from tracing_proxies.delivery.sinks.protocol import Outcome, Shipped, Sink, details_of, hasten, health_of, linger_of
from tracing_proxies.recording.observation import Observation

_RAISES_BEFORE_DROP = 3
_HURRY_PAUSE = 0.5
_log = logging.getLogger("tracing_proxies")


class Lane:
    """Brings spans to one sink, independently of all others.

    ``step`` does the work; it is called by the lane's own thread, or by whoever flushes where no thread can be started,
    never by two at once. Everything that moves spans does it under the ledger's lock, so that accounts always balance.

    Args:
        sink: the destination.
        ledger: the accounts; the lane opens one under the sink's name.
        max_bytes: memory for the backlog; above it the oldest spans are dropped, counted as ``overflow``.
        contain: takes what a sink raises, against its contract.
        backoff: makes, of the clock, what says how long to wait after a failure.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        sink: Sink,
        ledger: Ledger,
        *,
        max_bytes: int,
        contain: Callable[[str, BaseException], None],
        backoff: Callable[[Callable[[], float]], Backoff] = Backoff,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.sink = sink
        self.name = sink.name
        self._ledger = ledger
        self._max_bytes = max_bytes
        self._contain = contain
        self._new_backoff = backoff
        self._clock = clock
        self._linger = linger_of(sink)
        self.after_fork()
        ledger.open(self.name, self._queued, self._spooled)

    def after_fork(self) -> None:
        """Forget the parent's backlog and what was known about the sink."""
        self._backlog: deque[Batch] = deque()
        self._in_flight: Batch | None = None
        self._bytes = 0
        self._spans = 0
        self.breaker = Breaker(self._new_backoff(self._clock), self._clock)
        self._raised = 0
        self._hurried = False
        self._abandoned = False
        self._last_attempt = float("-inf")
        self.sends = Sends()
        self._alert = ""
        self.offered = 0
        self.attempts = 0

    @property
    def retry_at(self) -> float:
        """When the next attempt is due, in seconds of the monotonic clock; 0.0 for at once."""
        return self.breaker.retry_at

    @property
    def reachable(self) -> bool:
        """Whether the sink answered last, and let us in."""
        return self.breaker.reachable

    @property
    def reason(self) -> str:
        """What was wrong with the last attempt; "" where nothing was."""
        return self.breaker.reason

    def offer(self, spans: Sequence[Observation], size: int) -> None:
        """Take spans on.

        Args:
            spans: finished and masked.
            size: bytes that they hold in memory.
        """
        with self._ledger.lock:
            if self._abandoned:
                self._ledger.drop_at(self.name, "closed", len(spans))
                return
            self._backlog.append(Batch(spans, self.offered, size, self._clock()))
            self.offered += len(spans)
            self._spans += len(spans)
            self._bytes += size
            # What is in flight cannot be taken back, and of the rest at least the newest batch stays.
            while self._bytes > self._max_bytes and len(self._backlog) > 1:
                self._drop(self._backlog.popleft(), "overflow")

    def step(self) -> float | None:
        """Make one attempt, if one is due.

        Returns:
            Seconds until the next one is due, None while there is nothing to send.
        """
        batch, pause = self._next()
        if batch is None:
            return self._tend() if pause is None else pause
        self._begin_attempt()
        try:
            outcome = self.sink.write(batch.spans)
        except Exception as exc:
            outcome = self._after_raise(batch, exc)
        self._settle(batch, outcome)
        self._tell()
        with self._ledger.lock:
            pause = self._pause()
        return self._tend() if pause is None else pause

    def _tend(self) -> float | None:
        """Let the sink see to what it holds, while there is nothing to send."""
        tend = getattr(self.sink, "tend", None)
        if self._abandoned or not callable(tend):
            return None
        try:
            pause: float | None = tend()
        except Exception as exc:
            self._contain(f"sink.{self.name}.tend", exc)
            return None
        return pause

    def keep(self) -> None:
        """Make safe what was offered, where the lane can do that."""

    def hurry(self) -> None:
        """Send at once what waits for company, and probe a silent sink once more before the time."""
        with self._ledger.lock:
            self._hurried = bool(self._backlog)
            if self._clock() - self._last_attempt >= _HURRY_PAUSE:
                self.breaker.hurry()

    def follow(self, heir: Lane) -> None:
        """Try again at once, since the configuration has changed; ``heir`` is the lane that takes this one's place."""
        self.retry()

    def retry(self) -> None:
        """Try again at once."""
        with self._ledger.lock:
            self.breaker.retry()

    def crowded(self) -> bool:
        """Tell whether the sink works but is behind, so that the worker had better wait than overflow its backlog."""
        return not self.reason and self._bytes > self._max_bytes // 2

    def waits_for(self, target: int) -> bool:
        """Tell whether one of the first ``target`` spans that were offered is still here."""
        with self._ledger.lock:
            head = self._in_flight or (self._backlog[0] if self._backlog else None)
            return head is not None and head.first < target

    def abandon(self, reason: str) -> None:
        """Count everything that is here as dropped, and ignore the outcome of an attempt that is still under way."""
        with self._ledger.lock:
            self._abandoned = True
            if self._in_flight is not None:
                self._drop(self._in_flight, reason)
                self._in_flight = None
            while self._backlog:
                self._drop(self._backlog.popleft(), reason)

    def status(self) -> dict[str, Any]:
        """Return the lane's state in plain values, for people and programs; no secrets, no data."""
        health = health_of(self.sink)
        with self._ledger.lock:
            ok = health.ok and not self.reason
            return {
                "healthy": ok,
                "reason": "" if ok else (health.reason or self.reason),
                "breaker": self.breaker.status(),
                "backlog_spans": self._spans,
                "backlog_bytes": self._bytes,
                "attempts": self.attempts,
                "retry_in": self.breaker.retry_in(),
                **details_of(self.sink),
            }

    def owes(self, target: int) -> bool:
        """Tell whether one of the first ``target`` spans would be lost if the process ended now."""
        return self.waits_for(target)

    def is_saving(self) -> bool:
        """Tell whether what is owed will be safe in a moment, whatever the sink does."""
        return False

    def has_leftovers(self) -> bool:
        """Tell whether another process has left something to deliver."""
        return False

    def close(self) -> None:
        """Release what the lane itself has open; called when its thread has ended."""

    def _queued(self) -> int:
        return self._spans

    def _spooled(self) -> int:
        return 0

    def _next(self) -> tuple[Batch | None, float | None]:
        with self._ledger.lock:
            self._recover()
            if not self._backlog or self._abandoned:
                self._hurried = False
                return None, None
            pause = self._pause()
            if pause is not None and pause > 0:
                return None, pause
            batch = self._backlog.popleft()
            if not batch.tried:
                batch = merge(batch, self._backlog)
            batch.tried = True
            self._in_flight = batch
            return batch, None

    def _recover(self) -> None:
        """Take back what a thread had in hand that died."""
        if self._in_flight is not None:
            self._backlog.appendleft(self._in_flight)
            self._in_flight = None

    def _pause(self) -> float | None:
        if not self._backlog:
            return None
        now = self._clock()
        if self.retry_at > now:
            return self.retry_at - now
        head = self._backlog[0]
        if head.tried or self._hurried or self._spans >= BATCH_SPANS:
            return 0.0
        return max(0.0, head.since + self._linger - now)

    def _settle(self, batch: Batch, outcome: Outcome) -> None:
        with self._ledger.lock:
            self.attempts += 1
            self._in_flight = None
            if self._abandoned:
                return
            gone = outcome.delivered + sum(outcome.dropped.values())
            left = len(outcome.remaining)
            missing = len(batch.spans) - gone - left
            self._ledger.deliver(self.name, outcome.delivered)
            for reason, spans in outcome.dropped.items():
                self._ledger.drop_at(self.name, reason, spans)
            if missing > 0:  # a sink that does not tell what it did with them
                self._ledger.drop_at(self.name, "unaccounted", missing)
            size_left = batch.size * left // len(batch.spans)
            self._bytes -= batch.size - size_left
            self._spans -= len(batch.spans) - left
            if left:
                self._backlog.appendleft(Batch(outcome.remaining, batch.first, size_left, batch.since, tried=True))
            self._note(outcome, failed=bool(left) or outcome.retry_after is not None)

    def _begin_attempt(self) -> None:
        with self._ledger.lock:
            self._last_attempt = self._clock()
            self.breaker.attempt()
            patience = self.breaker.patience()
        hasten(self.sink, patience)

    def _note(self, outcome: Outcome | Shipped, *, failed: bool) -> None:
        taken = self._clock() - self._last_attempt
        self.sends.add(taken, failed=failed)
        if "delivery" in debugging.rooms:
            why = outcome.reason if failed else ""
            debugging.tell("delivery", "sent", sink=self.name, spans=outcome.delivered, ms=taken * 1e3, why=why)
        if not failed:
            self.breaker.succeed()
            return
        reason = outcome.reason or "the sink asked to be tried again"
        opened = self.breaker.fail(reason, reachable=outcome.reachable, pause=outcome.retry_after)
        if opened and outcome.retry_after is not None:
            self._alert = reason

    def _tell(self) -> None:
        """Log what only people can mend; called without the lock, which a handler's own thread may wait for."""
        reason, self._alert = self._alert, ""
        # Of our own logger: an application that has all its loggers tell everything has not asked for each request.
        debug = logging.NOTSET < _log.level <= logging.DEBUG and _log.isEnabledFor(logging.DEBUG)
        if reason or debug:
            try:
                if debug:
                    _log.debug("request %d to %s: %s", self.attempts, self.name, self.reason or "accepted")
                if reason:
                    _log.warning("spans for %s have to wait: %s", self.name, reason)
            except Exception as exc:  # a handler of the application's own
                self._contain("log", exc)

    def _after_raise(self, batch: Batch, exc: Exception) -> Outcome:
        if self._gives_up(exc):
            return Outcome(dropped={"sink_error": len(batch.spans)})
        return Outcome(remaining=batch.spans, reason=f"the sink raised {type(exc).__name__}")

    def _gives_up(self, exc: Exception) -> bool:
        """Note that the sink has raised; returns whether it has done so too often."""
        self._contain(f"sink.{self.name}", exc)
        self._raised = (self._raised + 1) % _RAISES_BEFORE_DROP
        return self._raised == 0

    def _drop(self, batch: Batch, reason: str) -> None:
        self._ledger.drop_at(self.name, reason, len(batch.spans))
        self._spans -= len(batch.spans)
        self._bytes -= batch.size
