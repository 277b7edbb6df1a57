"""What recorded spans tell that calls alone do not: agents and their tools, outcomes, collaborations, conflicts."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from tracing_proxies.compiled import hot
from tracing_proxies.delivery.native import RLock
from tracing_proxies.delivery.sinks.local_calls import CallName
from tracing_proxies.monitoring.calls import DURATION
from tracing_proxies.monitoring.closer import CloserLook, Name, read_compiled
from tracing_proxies.monitoring.numbers import Exemplar, Labels, Numbers
from tracing_proxies.recording.observation import Observation
from tracing_proxies.recording.span import Span

Prepare = Callable[[Span], Observation | None]


class SpanContents:
    """Reads spans as they are finished, after masking, on the worker's thread.

    Spans end before those that they are part of, so that what an agent has called waits until the agent has ended. A
    span counts for as many calls as its weight says: what is told of sampled spans is an estimate.

    Args:
        clock: seconds, of a clock that does not go back.
    """

    __slots__ = ("_clock", "_delegating", "_lock", "_look", "_names")

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._names: set[Name] = set()
        self._delegating: set[str] = set()
        self.after_fork()

    def after_fork(self) -> None:
        """Begin anew in a forked child."""
        self._lock = RLock()
        self._look = CloserLook(self._clock, self._names, self._delegating)

    def watch(self, prepare: Prepare) -> Prepare:
        """Return what finishes a span as ``prepare`` does, and reads it."""
        return Watched(prepare, self)

    def read(self, span: Span, found: Observation) -> None:
        """Read what has come of a span."""
        recipe, look = span.recipe, self._look
        target = recipe.tally.target
        if recipe.delegate is not None:
            self._delegating.add(target)
        if not look.glance(found, target):  # most have nothing to tell
            with self._lock:
                if not read_compiled(look, found, target):
                    look.read(found, target)

    def names(self) -> list[CallName]:
        """Return what agents and tools were named, by their targets, as far as it is known what they were part of."""
        with self._lock:
            return [CallName(*name) for name in self._names]

    def add_to(self, numbers: Numbers, labels_of: Callable[[str], Labels | None]) -> None:
        """Add all that was read so far.

        Args:
            labels_of: tells the labels of a target's durations, None for one that is not known.
        """
        with self._lock:
            self._look.settle_old()
            self._look.take_tops()
            self._look.gathered.add_to(numbers)
        for target, (trace_id, span_id, taken, stop) in list(self._look.glance.latest.items()):
            labels = labels_of(target)
            if labels is not None:
                numbers.exemplars[DURATION, labels] = Exemplar(trace_id, span_id, taken, stop / 1e9)


class Watched:
    """Finishes a span as ``prepare`` does, and reads it: the original of what may be compiled (hot/watched.c)."""

    def __init__(self, prepare: Prepare, contents: SpanContents) -> None:
        self._prepare = prepare
        self._contents = contents

    def __call__(self, span: Span) -> Observation | None:
        found = self._prepare(span)
        if found is not None:
            self._contents.read(span, found)
        return found


if not TYPE_CHECKING and hot is not None:
    Watched = hot.Watched
    hot.bind_contents({"SpanContents": SpanContents, "RLock": RLock})
