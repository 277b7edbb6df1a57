"""What tracing has cost lately, and how much it may cost next."""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

WINDOW = 10.0
"""The budget holds over any time of this length, in seconds."""
_AHEAD = (1.0, 2.0, 5.0)
_MOST = 1.25
_AT_ONCE = 5.0
_AIM = 0.95  # the rest is for what has begun when there is suddenly no room for it
_OVERRUN = 1.5
_GRAIN = 0.09


class _Slice(NamedTuple):
    at: float
    spent: float
    share: float  # of the budget that held then, so that a budget that falls does not condemn what was right before
    avoidable: float


class Spending:
    """Adds up what was spent in the last ten seconds.

    What may be spent next follows from the whole window: at rest it is the budget, after an idle time more
    until the window is full, and less where costs were underestimated. So the figure that is held is the one that
    was measured, and no estimate can be wrong for long. The room is such that the window is no more than full in one,
    two and five seconds: the first two alone would repeat every burst ten seconds later, the last alone would let it
    pass the budget meanwhile.

    When a process begins it may spend the budget of five seconds at once, so that what a short program does is traced
    whole.
    """

    def __init__(self) -> None:
        self._slices: deque[_Slice] = deque()
        self._begun: float | None = None

    def add(self, now: float, spent: float, budget: float, avoidable: float = 0.0) -> None:
        """Note what was spent since the last call.

        Args:
            now: seconds of the monotonic clock.
            spent: seconds of CPU.
            budget: what might be spent, in seconds of CPU per second.
            avoidable: how much of it was not for counting, as a share of the budget of a host that is not busy.
        """
        if self._begun is None:
            self._begun = now
        elif now < self._begun:
            self._begun = -math.inf  # a clock that went back: no second beginning
        part = _Slice(now, spent, spent / budget, avoidable)
        if self._slices and 0 <= now - self._slices[-1].at < _GRAIN:
            last = self._slices.pop()
            part = _Slice(last.at, part.spent + last.spent, part.share + last.share, part.avoidable + last.avoidable)
        self._slices.append(part)
        while self._slices[0].at <= now - WINDOW or self._slices[0].at > now:
            self._slices.popleft()

    def within(self, now: float, seconds: float) -> float:
        """Return the seconds of CPU that were spent in the last so many seconds."""
        return sum([part.spent for part in self._slices if part.at > now - seconds])

    def overran(self, now: float) -> bool:
        """Tell whether half as much again was spent as the budget allows, counting left aside.

        That happens where thinning out changes nothing: where all traces carry the same R, say.
        """
        return sum([part.avoidable for part in self._slices if part.at > now - WINDOW]) > _OVERRUN * WINDOW

    def room(self, now: float, budget: float, committed: float = 0.0) -> float:
        """Return how much may be spent in the next seconds, per second; never below 0.

        Args:
            budget: seconds of CPU per second.
            committed: what has been let in but not been paid yet, in seconds of CPU.
        """
        room = min(_MOST * budget, *[self._left(now, budget, ahead) - committed / ahead for ahead in _AHEAD])
        if self._begun is None or now - self._begun < WINDOW:
            room = max(room, (_AT_ONCE - self._spent(now, WINDOW)) * budget - committed)
        return max(0.0, room)

    def _left(self, now: float, budget: float, ahead: float) -> float:
        return (_AIM * WINDOW - self._spent(now, WINDOW - ahead)) * budget / ahead

    def _spent(self, now: float, seconds: float) -> float:
        return sum([part.share for part in self._slices if part.at > now - seconds])
