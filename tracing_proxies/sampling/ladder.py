"""The steps by which tracing loses detail, and gets it back: what an operator is told of a plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tracing_proxies import debugging
from tracing_proxies.sampling.plan import Plan

STEPS: Final = ("full", "payload thinned", "skeleton", "errors only", "counts only")
_NEARLY_ALL = 0.999
_FEW = 0.02
_NONE = 0.002
_RECOVERS_AFTER = 10.0


def step_of(plan: Plan) -> int:
    """Return the index of the step that a plan stands on."""
    if plan.error < _NONE:
        return 4
    if plan.record < _NONE:
        return 3
    if plan.capture < _FEW:
        return 2
    return 1 if plan.capture < _NEARLY_ALL else 0


class Ladder:
    """Follows the steps: down at once, up when a better one has held for ten seconds, each told once.

    Args:
        tell: takes the names of the old and the new step.

    Attributes:
        step: the index of the present step.
        descents: how often it went down.
        since: when the present step was reached; seconds of the monotonic clock.
    """

    def __init__(self, tell: Callable[[str, str], None]) -> None:
        self._tell = tell
        self._better_since: float | None = None
        self.step = 0
        self.descents = 0
        self.since = 0.0

    @property
    def name(self) -> str:
        """What the present step is called."""
        return STEPS[self.step]

    def follow(self, plan: Plan, now: float) -> None:
        """Take note of a new plan."""
        found = step_of(plan)
        if found > self.step:
            self.descents += 1
            self._go(found, now)
        elif found == self.step:
            self._better_since = None
        elif self._better_since is None or now < self._better_since:  # a clock may go back
            self._better_since = now
        elif now - self._better_since >= _RECOVERS_AFTER:
            self._go(found, now)

    def _go(self, step: int, now: float) -> None:
        before, self.step, self._better_since, self.since = self.step, step, None, now
        debugging.tell("sampling", "step", before=STEPS[before], now=STEPS[step])
        self._tell(STEPS[before], STEPS[step])
