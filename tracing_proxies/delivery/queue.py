"""The ended spans that wait to be finished: no more of them than may be, and each of them counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tracing_proxies.delivery.inlet import Inlet
from tracing_proxies.delivery.ledger import Ledger


class Queue:
    """Holds what the application's threads put, until the worker takes it.

    Args:
        ledger: the accounts.
        most: spans; a hundredth above it the oldest are dropped down to it, counted as ``overflow``.
        wake: has the worker look at the queue; tells whether it can.

    Attributes:
        put: takes an ended span; called on the application's threads.
        closed: whether what is put is counted as dropped, or goes to the heir.
    """

    def __init__(self, ledger: Ledger, most: int, wake: Callable[[], bool]) -> None:
        self._ledger = ledger
        self._wake = wake
        self._heir: Queue | None = None
        self.most = most
        self.closed = False
        # Room is made for many at once: for each by itself it would cost its caller 3 us.
        self.put = Inlet(most + most // 100, self._rouse)
        ledger.watch(self.__len__)

    def __len__(self) -> int:
        """How many spans wait."""
        return len(self.put.queue)

    def take(self, most: int) -> list[Any]:
        """Take the oldest spans into the worker's hand; the caller holds the ledger's lock."""
        spans = self._pop(most)
        self._ledger.take(len(spans))
        return spans

    def put_back(self, spans: Sequence[Any]) -> None:
        """Undo ``take`` for spans, the newest first; the caller holds the ledger's lock."""
        self.put.queue.extendleft(spans)
        self._ledger.put_back(len(spans))

    def fall_asleep(self) -> None:
        """Have the next span rouse the worker."""
        self.put.asleep = True

    def rest(self) -> bool:
        """Have the next span rouse the worker, unless one has been put since it looked; tells which of the two."""
        self.fall_asleep()
        if self.put.queue:
            self.put.asleep = False
            return False
        return True

    def close(self) -> None:
        """Count from here on what is put as dropped, ``closed``."""
        self.closed = True
        self.fall_asleep()

    def bequeath(self, heir: Queue) -> None:
        """Let what is put after the close go to another queue, by threads that still hold this one."""
        self._heir = heir

    def discard(self) -> None:
        """Give what waits to the heir; without one it is dropped."""
        heir = self._heir
        with self._ledger.lock:
            spans = self._pop(len(self))
            if heir is None:
                self._ledger.take(len(spans))
                self._ledger.drop("closed", len(spans))
                return
        for span in spans:
            heir.put(span)

    def after_fork(self) -> None:
        """Begin anew in a forked child."""
        self.put.begin_anew()

    def _rouse(self) -> None:
        if self.closed:
            self.discard()
            return
        if len(self) > self.put.most:
            self._drop_oldest()
        self.put.asleep = False
        if not self._wake():
            self.put.asleep = True  # the next put tries again, and a flush does the work itself

    def _drop_oldest(self) -> None:
        # Signal handlers may get here while the thread below them holds the lock: it is re-entrant.
        with self._ledger.lock:
            spans = self.take(max(0, len(self) - self.most))
            self._ledger.drop("overflow", len(spans))

    def _pop(self, most: int) -> list[Any]:
        queue = self.put.queue
        spans: list[Any] = []
        try:
            while len(spans) < most:
                spans.append(queue.popleft())
        except IndexError:
            pass
        return spans
