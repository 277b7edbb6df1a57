"""How attempts to send went: how many, how many failed, how long they took, and when the last one succeeded."""

from __future__ import annotations

import time
from collections.abc import Callable

from tracing_proxies.sampling.sketch import Sketch

_LONGEST = 86_400.0  # a clock may leap


class Sends:
    """The attempts of one lane.

    Args:
        wall: seconds since the epoch.

    Attributes:
        count: all attempts.
        failures: those after which something is to be sent once more.
        sketch: how long they took, in nanoseconds.
        last_success: when one succeeded last, in seconds since the epoch; None before the first.
    """

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self.count = 0
        self.failures = 0
        self.sketch = Sketch()
        self.last_success: float | None = None

    def add(self, seconds: float, *, failed: bool) -> None:
        """Count one attempt."""
        self.count += 1
        self.sketch.add((max(1, int(min(seconds, _LONGEST) * 1e9)),))
        if failed:
            self.failures += 1
        else:
            self.last_success = self._wall()
