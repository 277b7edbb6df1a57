"""Sinks of the tests: one that remembers, and can be told to misbehave."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from tracing_proxies.delivery.sinks.protocol import Outcome
from tracing_proxies.recording.observation import Observation


class MemorySink:
    """Remembers what it was given; ``answer`` replaces its behaviour."""

    def __init__(self, name: str = "memory") -> None:
        self.name = name
        self.received: list[Observation] = []
        self.answer: Callable[[Sequence[Observation]], Outcome] | None = None
        self.threads: set[str] = set()
        self.closed = 0

    def write(self, batch: Sequence[Observation]) -> Outcome:
        self.threads.add(threading.current_thread().name)
        if self.answer is not None:
            return self.answer(batch)
        self.received += batch
        return Outcome(delivered=len(batch))

    def close(self) -> None:
        self.closed += 1
