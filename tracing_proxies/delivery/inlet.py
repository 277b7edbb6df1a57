"""Where ended spans are put, on the application's threads: the one end of the queue that must cost nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tracing_proxies.compiled import hot


class Inlet:
    """Queues an ended span when it is called; the original of what may be compiled.

    No lock is taken and no thread is woken while the worker is about: 0.08 us, compiled 0.02, measured with `timeit`.

    Args:
        most: how many may wait.
        rouse: called when the worker sleeps, and when more wait than may.

    Attributes:
        queue: what waits, the oldest on the left.
        asleep: whether the worker is to be roused by the next span.
    """

    __slots__ = ("asleep", "most", "queue", "rouse")

    def __init__(self, most: int, rouse: Callable[[], object]) -> None:
        self.most = most
        self.rouse = rouse
        self.begin_anew()

    def __call__(self, span: Any) -> None:
        """Queue a span."""
        queue = self.queue
        queue.append(span)
        # The worker says that it sleeps before it looks at the queue for the last time, so either it sees this span or
        # we see that it sleeps.
        if self.asleep or len(queue) > self.most:
            self.rouse()

    def begin_anew(self) -> None:
        """Forget what waits: in a forked child it is the parent's."""
        self.queue: deque[Any] = deque()
        self.asleep = True


PlainInlet = Inlet

if not TYPE_CHECKING and hot is not None:
    Inlet = hot.Inlet
