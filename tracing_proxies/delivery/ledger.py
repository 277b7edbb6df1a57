"""Counts what became of every span: produced = delivered + sampled out + dropped + queued + spooled, for each sink."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import attrs

from tracing_proxies.delivery.native import RLock


@attrs.frozen(eq=False)
class Balance:
    """The account of one sink, in spans; what was dropped before any sink saw it is part of it.

    Args:
        dropped: spans by reason.
        queued: spans that are in memory and have not met their end yet.
        spooled: spans that are on disk and have not.
    """

    produced: int
    delivered: int
    sampled_out: int
    dropped: Mapping[str, int]
    queued: int
    spooled: int = 0

    @property
    def lost(self) -> int:
        """All spans that were dropped."""
        return sum(self.dropped.values())

    @property
    def balanced(self) -> bool:
        """Whether every produced span is accounted for exactly once."""
        return self.produced == self.delivered + self.sampled_out + self.lost + self.queued + self.spooled


@attrs.frozen(eq=False)
class Snapshot(Balance):
    """The accounts of all sinks at one moment; its own figures are those of the sink that has delivered least."""

    sinks: Mapping[str, Balance] = attrs.field(factory=dict)


@attrs.define(eq=False, repr=False)
class _Account:
    delivered: int = 0
    dropped: Counter[str] = attrs.field(factory=Counter)
    queued: Callable[[], int] = lambda: 0
    spooled: Callable[[], int] = lambda: 0


class Ledger:
    """Keeps the accounts. Everything that moves spans holds ``lock`` while it moves and counts them."""

    def __init__(self) -> None:
        self.lock = RLock()
        self._waiting: Callable[[], int] = lambda: 0
        self._accounts: dict[str, _Account] = {}
        self._clear()

    def _clear(self) -> None:
        self._taken = 0
        self._in_hand = 0
        self._handed = 0
        self._sampled_out = 0
        self._dropped: Counter[str] = Counter()

    def watch(self, waiting: Callable[[], int]) -> None:
        """Name the function that tells how many spans wait in the queue, untaken."""
        self._waiting = waiting

    def open(self, sink: str, queued: Callable[[], int], spooled: Callable[[], int] = lambda: 0) -> None:
        """Open a sink's account.

        Args:
            queued: tells how many spans are under way to it in memory.
            spooled: tells how many of this process's spans wait for it on disk.
        """
        with self.lock:
            self._accounts[sink] = _Account(queued=queued, spooled=spooled)

    def after_fork(self) -> None:
        """Begin anew in a forked child: the parent's spans are the parent's to count."""
        self.lock = RLock()
        self._clear()
        for account in self._accounts.values():
            account.delivered = 0
            account.dropped.clear()

    def take(self, spans: int) -> None:
        """Count spans as taken from the queue, into the worker's hand."""
        with self.lock:
            self._taken += spans
            self._in_hand += spans

    def put_back(self, spans: int) -> None:
        """Undo ``take`` for spans that went back into the queue."""
        with self.lock:
            self._taken -= spans
            self._in_hand -= spans

    def sample_out(self, spans: int) -> None:
        """Count spans in hand as left out by sampling."""
        with self.lock:
            self._in_hand -= spans
            self._sampled_out += spans

    def drop(self, reason: str, spans: int) -> None:
        """Count spans in hand as dropped before any sink saw them."""
        with self.lock:
            self._in_hand -= spans
            self._dropped[reason] += spans

    def hand_over(self, spans: int) -> None:
        """Count spans in hand as given to every sink."""
        with self.lock:
            self._in_hand -= spans
            self._handed += spans

    def deliver(self, sink: str, spans: int) -> None:
        """Count spans as delivered to a sink."""
        with self.lock:
            self._accounts[sink].delivered += spans

    def drop_at(self, sink: str, reason: str, spans: int) -> None:
        """Count spans as dropped on the way to a sink."""
        with self.lock:
            self._accounts[sink].dropped[reason] += spans

    def settled(self) -> int:
        """Return how many spans have left the worker's hand, one way or another."""
        return self.work()[0]

    def work(self) -> tuple[int, int]:
        """Return how many spans have left the worker's hand, one way or another, and how many have not yet."""
        with self.lock:
            return self._taken - self._in_hand, self._in_hand + self._waiting()

    def produced(self) -> int:
        """Return how many spans there have been."""
        with self.lock:
            return self._taken + self._waiting()

    def lost(self) -> int:
        """Return how many spans were dropped, over all sinks."""
        with self.lock:
            return sum(self._dropped.values()) + sum(sum(a.dropped.values()) for a in self._accounts.values())

    def snapshot(self) -> Snapshot:
        """Return all accounts as they are at this moment."""
        with self.lock:
            waiting = self._waiting()
            sinks = {name: self._balance(account, waiting) for name, account in self._accounts.items()}
            if sinks:
                least = min(sinks.values(), key=lambda balance: balance.delivered)
            else:  # nobody to deliver to: what was handed over has arrived
                least = self._balance(_Account(delivered=self._handed), waiting)
        return Snapshot(
            produced=least.produced,
            delivered=least.delivered,
            sampled_out=least.sampled_out,
            dropped=least.dropped,
            queued=least.queued,
            spooled=least.spooled,
            sinks=sinks,
        )

    def _balance(self, account: _Account, waiting: int) -> Balance:
        return Balance(
            produced=self._taken + waiting,
            delivered=account.delivered,
            sampled_out=self._sampled_out,
            dropped=dict(self._dropped + account.dropped),
            queued=waiting + self._in_hand + account.queued(),
            spooled=account.spooled(),
        )

    def check(self) -> Snapshot:
        """Return a snapshot, after making sure that every account balances.

        Raises:
            AssertionError: a span is missing or was counted twice; the message holds the figures.
        """
        snapshot = self.snapshot()
        accounts: Iterable[tuple[str, Balance]] = [("total", snapshot), *snapshot.sinks.items()]
        for name, balance in accounts:
            if not balance.balanced:
                raise AssertionError(f"the account of {name!r} does not balance: {balance}")
        return snapshot
