"""Decides how long to wait before a destination is tried again."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable

BASE = 0.5
CAP = 60.0
PROBE_EVERY = (2.0, 3.0)
PROBE_FOR = 600.0
_uniform = random.Random(os.urandom(16)).uniform  # the application's `random` is never drawn from


class Backoff:
    """Full-jitter exponential backoff, except that an outage is probed every two to three seconds at first.

    The formula is "full jitter" of AWS's "Exponential Backoff And Jitter": uniform(0, min(cap, base 2^n)).

    Args:
        clock: seconds, monotonic.
        uniform: draws a number between two bounds.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        uniform: Callable[[float, float], float] = _uniform,
    ) -> None:
        self._clock = clock
        self._uniform = uniform
        self._since: float | None = None
        self.failures = 0

    def succeed(self) -> None:
        """Note that the destination works."""
        self._since = None
        self.failures = 0

    def fail(self, *, probing: bool = False) -> float:
        """Note a failure.

        Args:
            probing: whether the destination is known to be away, so that quick attempts would be in vain.

        Returns:
            Seconds to wait before the next attempt.
        """
        now = self._clock()
        if self._since is None:
            self._since = now
        ceiling = min(CAP, BASE * 2.0 ** min(self.failures, 16))
        self.failures += 1
        delay = self._uniform(0.0, ceiling)
        if now - self._since < PROBE_FOR:
            probe = self._uniform(*PROBE_EVERY)
            delay = probe if probing else min(delay, probe)
        return max(delay, 0.05)
