"""One wait for everything that has been put so far: done, hopeless, or out of time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from tracing_proxies.delivery.lane import Lane
from tracing_proxies.delivery.ledger import Ledger

_FIRST_NAP = 0.0002
_LONGEST_NAP = 0.02
_PROBE_PATIENCE = 0.5


class Flush:
    """Remembers what there was when the flush began, and tells how it stands.

    Args:
        ledger: the accounts.
        lanes: the ways to the sinks.
        deadline: seconds of the monotonic clock.
    """

    def __init__(self, ledger: Ledger, lanes: Sequence[Lane], deadline: float) -> None:
        self._ledger = ledger
        self._lanes = lanes
        self._deadline = deadline
        self._started = time.monotonic()
        self._produced = ledger.produced()
        self._lost = ledger.lost()
        self._attempts = [lane.attempts for lane in lanes]
        self._targets: list[int] | None = None

    def done(self) -> bool:
        """Tell whether all of it has met its end."""
        if self._targets is None:
            with self._ledger.lock:
                if self._ledger.settled() < self._produced:
                    return False
                self._targets = [lane.offered for lane in self._lanes]
        return not any(lane.waits_for(target) for lane, target in zip(self._lanes, self._targets, strict=True))

    def succeeded(self) -> bool:
        """Tell whether nothing was dropped meanwhile."""
        return self._ledger.lost() == self._lost

    def kept(self) -> bool:
        """Tell whether nothing would be lost if the process ended now, and nothing was dropped."""
        with self._ledger.lock:
            if self._targets is None:
                return False
            owing = any(lane.owes(target) for lane, target in zip(self._lanes, self._targets, strict=True))
        return not owing and self.succeeded()

    def hopeless(self) -> bool:
        """Tell whether all sinks that still owe us something are known to stay silent until the deadline."""
        if self._targets is None:
            return False
        owing = [
            self._is_hopeless(lane, attempts)
            for lane, target, attempts in zip(self._lanes, self._targets, self._attempts, strict=True)
            if lane.waits_for(target)
        ]
        return bool(owing) and all(owing)

    def wait(self, wake: Callable[[], None]) -> bool:
        """Wait for the end, whichever it is.

        Args:
            wake: sends the lanes on their way; called once all spans have reached them.

        Returns:
            Whether everything is delivered, or safe on disk.
        """
        nap = _FIRST_NAP
        woken = False
        while True:
            if self.done():
                return self.succeeded()
            if self._targets is not None and not woken:
                woken = True
                wake()
            left = self._deadline - time.monotonic()
            if left <= 0 or self.hopeless():
                return self.kept()
            time.sleep(min(nap, left))
            nap = min(nap * 1.5, _LONGEST_NAP)

    def _is_hopeless(self, lane: Lane, attempts: int) -> bool:
        if lane.is_saving():
            return False
        if lane.retry_at > self._deadline:
            return True
        if lane.reachable:
            return False
        return lane.attempts > attempts or time.monotonic() - self._started > _PROBE_PATIENCE
