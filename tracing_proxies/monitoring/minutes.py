"""Has the exact counts of agents and tools written down in the local store, minute by minute."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol, runtime_checkable

import attrs

from tracing_proxies.delivery.sinks.local_calls import MINUTE, CallMinute, CallName, CallSum
from tracing_proxies.monitoring.calls import CALLS, DURATION
from tracing_proxies.monitoring.distribution import Distribution
from tracing_proxies.monitoring.numbers import Labels, Numbers

_KINDS: Final = ("agent", "tool")


@runtime_checkable
class Store(Protocol):
    """Keeps what was counted."""

    def keep(self, minute: CallMinute) -> bool:
        """Write it down, in place of what was said of the same minute before; say whether that could be done."""


@attrs.frozen(eq=False, repr=False)
class _Sum:
    calls: int = 0
    failed: int = 0
    sizes: Distribution = attrs.field(factory=Distribution)


class Minutes:
    """Tells stores what was counted in the minute that goes on.

    A minute that could not be written down goes on until it can: what is counted is told later, but never lost.

    Args:
        stores: tells those that there are.
        names: tells how spans of targets were named.
        now_ns: the wall clock, in nanoseconds.
    """

    def __init__(
        self,
        stores: Callable[[], Iterable[Store]],
        names: Callable[[], Iterable[CallName]],
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._stores = stores
        self._names = names
        self._now_ns = now_ns
        self.after_fork()

    def after_fork(self) -> None:
        """Begin anew in a forked child: the parent's calls are the parent's to count."""
        self._process = secrets.token_hex(6)
        self._seen: dict[Labels, _Sum] = {}
        self._began = 0
        self._sums: dict[str, _Sum] = {}
        self._kept = True

    def note(self, numbers: Numbers) -> None:
        """Add what was counted since the last time, and have it written down if it is more.

        Args:
            numbers: all that was counted so far.
        """
        stores = list(self._stores())
        if not stores:
            return
        began = self._now_ns() // MINUTE * MINUTE
        if began != self._began and self._kept:
            self._began, self._sums = began, {}
        if self._add(numbers):
            self._kept = False
        if not self._kept:
            told = self._told()
            taken = [store.keep(told) for store in stores]
            self._kept = all(taken)

    def _add(self, numbers: Numbers) -> bool:
        more = False
        for (metric, labels), sizes in numbers.distributions.items():
            if metric != DURATION or labels[2] not in _KINDS:
                continue
            before = self._seen.get(labels, _Sum())
            failed = int(numbers.counters.get((CALLS, (*labels, "error")), 0))
            now = self._seen[labels] = _Sum(int(sizes.count), failed, sizes)
            if now.calls == before.calls:
                continue
            known = self._sums.get(labels[0], _Sum())
            fresh = sizes.minus(before.sizes)
            self._sums[labels[0]] = _Sum(
                known.calls + now.calls - before.calls,
                known.failed + now.failed - before.failed,
                known.sizes.plus(fresh),
            )
            more = True
        return more

    def _told(self) -> CallMinute:
        names = list(self._find_names())
        # There are few agents and many tools: how tools' durations are spread would be most of what is written.
        agents = {name.target for name in names if name.type == "agent"}
        sums = [
            CallSum(target, one.calls, one.failed, int(one.sizes.total), _whole(one.sizes) if target in agents else {})
            for target, one in self._sums.items()
        ]
        return CallMinute(self._began, self._process, sums, names)

    def _find_names(self) -> Iterator[CallName]:
        known = [name for name in self._names() if name.target in self._sums]
        yield from known
        # Spans of some tools are a framework's, which has handed them over: these tell what the tool itself is called.
        handed_over = {name.name for name in known if name.type == "tool" and name.within}
        named = {name.target for name in known}
        for target, name, kind in self._seen:
            if kind == "tool" and name in handed_over and target in self._sums and target not in named:
                yield CallName(target, kind, name, within=False)


def _whole(sizes: Distribution) -> dict[int, int]:
    return {place: int(many) for place, many in sizes.bins.items()}
