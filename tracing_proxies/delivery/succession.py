"""One pipeline after another, as destinations change: what an earlier one still holds goes where it was meant to go."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from tracing_proxies.delivery import process
from tracing_proxies.delivery.native import Empty, RLock, SimpleQueue, Thread, forget_stand_in, make_thread, take
from tracing_proxies.delivery.pipeline import Pipeline
from tracing_proxies.delivery.sends import Sends

_FIRST_LOOK = 0.05
_LAST_LOOK = 1.0
_CLOSE = 1.0
_COUNTED = ("produced", "delivered", "sampled_out", "queued", "spooled")

Fate = tuple[str, str, str]
"""A destination, what became of spans there, and why."""


class Succession:
    """Keeps the accounts of all pipelines that a runtime has had.

    A pipeline that has been succeeded delivers what it holds at its own pace, in the background, for as long as that
    takes, and is closed when it is empty. What is still put into it then goes on to its heir.

    Args:
        first: the pipeline to begin with.
        suppress: switches tracing off for the thread that calls it.
    """

    def __init__(self, first: Pipeline, suppress: Callable[[], None]) -> None:
        self._suppress = suppress
        self._lock = RLock()
        self._pipelines = [first]
        self._ends: SimpleQueue[None] = SimpleQueue()
        self._threads: list[Thread] = []
        self._past: Counter[str] = Counter()
        self._past_drops: Counter[str] = Counter()
        self.closing_turn = 0
        self._past_fates: Counter[Fate] = Counter()
        self._past_cpu = 0.0
        process.move_in(self)

    @property
    def current(self) -> Pipeline:
        """The pipeline that spans go to."""
        return self._pipelines[-1]

    def succeed(self, heir: Pipeline) -> None:
        """Let ``heir`` follow on the present pipeline, which delivers what it has and is closed."""
        with self._lock:
            before = self._pipelines[-1]
            self._pipelines = [*self._pipelines, heir]
        before.bequeath(heir)
        thread = make_thread("tracing-drain", lambda: self._see_out(before))
        try:
            thread.start()
        except RuntimeError:  # no more threads: it is closed at the end, with the others
            return
        self._threads = [*(known for known in self._threads if known.is_alive()), thread]

    def flush(self, timeout: float) -> bool:
        """Wait until everything that was put into any of them is delivered.

        Args:
            timeout: seconds.
        """
        deadline = time.monotonic() + timeout
        latest_first = list(reversed(self._pipelines))
        answers = [pipeline.flush(max(0.0, deadline - time.monotonic())) for pipeline in latest_first]
        return all(answers)

    def close(self, timeout: float) -> bool:
        """Flush and close all of them.

        Args:
            timeout: seconds for all of it.
        """
        for _ in self._threads:
            self._ends.put(None)
        deadline = time.monotonic() + timeout
        latest_first = list(reversed(self._pipelines))
        process.move_out(self)
        answers = [pipeline.close(max(0.0, deadline - time.monotonic())) for pipeline in latest_first]
        for thread in self._threads:
            thread.join(max(0.05, deadline - time.monotonic()))
        return all(answers)

    def work(self) -> tuple[float, int, int]:
        """Return the seconds of CPU that their threads have taken, and how many spans they have finished and not begun.

        What a pipeline had done that is closed is not among it any more.
        """
        cpu, finished, waiting = zip(*(pipeline.work() for pipeline in self._pipelines), strict=True)
        return sum(cpu), sum(finished), sum(waiting)

    def status(self) -> dict[str, Any]:
        """Describe the present pipeline, with the counts of all; those that still deliver stand in ``retired``."""
        with self._lock:
            *retired, current = [pipeline.status() for pipeline in self._pipelines]
            totals, drops = Counter(self._past), Counter(self._past_drops)
        for found in (*retired, current):
            _add(totals, drops, found)
        counts = {name: totals[name] for name in _COUNTED}
        return {**current, **counts, "dropped": dict(drops), "retired": retired}

    def cpu(self) -> float:
        """Return the seconds of CPU that the threads of all pipelines have taken, closed ones included."""
        with self._lock:
            return self._past_cpu + sum(pipeline.work()[0] for pipeline in self._pipelines)

    def fates(self) -> Counter[Fate]:
        """Return what became of spans at each destination that there has been: delivered, sampled out, dropped."""
        with self._lock:
            found = Counter(self._past_fates)
            for pipeline in self._pipelines:
                found.update(_fates(pipeline.status()))
        return found

    def sends(self) -> dict[str, Sends]:
        """Return how the attempts to send went, by present destination."""
        return self.current.sends()

    def after_fork(self) -> None:
        """Count anew in a forked child: what the parent's pipelines hold is the parent's to deliver."""
        self._lock = RLock()
        self._ends = SimpleQueue()
        self._threads = []
        self._past.clear()
        self._past_drops.clear()
        self._past_fates.clear()
        self._past_cpu = 0.0
        # Empty here, and without the parent's thread that would see to it; they stay for what is still put into them.

    def _see_out(self, pipeline: Pipeline) -> None:
        self._suppress()
        pause = _FIRST_LOOK
        while not self._is_over(pause):
            pause = min(pause * 2, _LAST_LOOK)
            status = pipeline.status()
            forget_stand_in()
            if not status["queued"] and not status["spooled"]:
                self._close(pipeline)
                return

    def _is_over(self, pause: float) -> bool:
        try:
            take(self._ends, pause)
        except Empty:
            return False
        return True

    def _close(self, pipeline: Pipeline) -> None:
        pipeline.close(_CLOSE)
        with self._lock:
            if pipeline in self._pipelines[:-1]:
                status = pipeline.status()
                _add(self._past, self._past_drops, status)
                self._past_fates.update(_fates(status))
                self._past_cpu += pipeline.work()[0]
                self._pipelines = [known for known in self._pipelines if known is not pipeline]


def _add(totals: Counter[str], drops: Counter[str], found: Mapping[str, Any]) -> None:
    totals.update({name: found[name] for name in _COUNTED})
    drops.update(found["dropped"])


def _fates(found: Mapping[str, Any]) -> Counter[Fate]:
    fates: Counter[Fate] = Counter()
    for name, sink in found["sinks"].items():
        fates[name, "delivered", ""] += sink["delivered"]
        fates[name, "sampled_out", ""] += found["sampled_out"]
        for reason, spans in sink["dropped"].items():
            fates[name, "dropped", reason] += spans
    return fates
