"""What tracing has cost lately, and how much it may cost next."""

from __future__ import annotations

import math
from bisect import bisect_right

WINDOW = 10.0
"""The budget holds over any time of this length, in seconds."""
_AHEAD = (1.0, 2.0, 5.0)
_SURPLUS = 1.15
_AT_ONCE = 2.5
_AIM = 0.78  # the rest is for what has begun when there is suddenly no room for it
_OVERRUN = 1.5
_GRAIN = 0.09
_MOST = 400
_SPENT, _SHARE, _AVOIDABLE = range(3)
_NOTHING = (0.0, 0.0, 0.0)
_Sums = tuple[float, float, float]


class Spending:
    """Adds up what was spent in the last ten seconds.

    What may be spent next follows from the whole window: at rest it is the budget, after an idle time more
    until the window is full, and less where costs were underestimated. So the figure that is held is the one that
    was measured, and no estimate can be wrong for long. The room is such that the window is no more than full in one,
    two and five seconds: the first two alone would repeat every burst ten seconds later, the last alone would let it
    pass the budget meanwhile.

    When a process begins it may spend the budget of two and a half seconds at once, so that what a short program does
    is traced whole.
    """

    def __init__(self) -> None:
        # Sums up to each moment, so that the sum since any is one subtraction: this is asked for ten times a second,
        # and adding up a hundred figures each time took more than the rest of the loop.
        self._at: list[float] = []
        self._sums: list[_Sums] = [_NOTHING]
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
        sums = self._sums
        if self._at and 0 <= now - self._at[-1] < _GRAIN:
            sums[-1] = _added(sums[-1], spent, spent / budget, avoidable)
        else:
            if self._at and now < self._at[-1]:
                self._forget(bisect_right(self._at, now))
            self._at.append(now)
            sums.append(_added(sums[-1], spent, spent / budget, avoidable))
        if len(self._at) >= _MOST:
            old = bisect_right(self._at, now - WINDOW)
            del self._at[:old], sums[:old]

    def _forget(self, since: int) -> None:
        """Forget what a clock that went back now says is still to come."""
        del self._at[since:], self._sums[since + 1 :]

    def within(self, now: float, seconds: float) -> float:
        """Return the seconds of CPU that were spent in the last so many seconds."""
        return self._since(now - seconds)[_SPENT]

    def is_full(self, now: float) -> bool:
        """Tell whether ten seconds are known."""
        return self._lived(now) >= WINDOW

    def overran(self, now: float) -> bool:
        """Tell whether half as much again was spent as the budget allows, counting left aside.

        That happens where thinning out changes nothing: where all traces carry the same R, say.
        """
        return self._since(now - WINDOW)[_AVOIDABLE] > _OVERRUN * WINDOW

    def room(self, now: float, budget: float, committed: float = 0.0, running: float = 0.0) -> float:
        """Return how much may be spent in the next seconds, per second; never below 0.

        Args:
            budget: seconds of CPU per second.
            committed: what has been let in but not been paid yet, in seconds of CPU.
            running: what is spent whatever is let in, in seconds of CPU per second.
        """
        room = min(_SURPLUS * budget, *(self._left(now, budget, ahead, committed, running) for ahead in _AHEAD))
        if not self.is_full(now):
            room = max(room, (_AT_ONCE - self._spent(now, WINDOW)) * budget - committed)
        return max(0.0, room)

    def left(self, now: float, budget: float, running: float = 0.0) -> float:
        """Return what may still be spent at once so that the last ten seconds keep to the budget, in seconds of CPU."""
        lived = self._lived(now)
        whole = min(_AIM * WINDOW, _AT_ONCE + lived) - self._spent(now, WINDOW)
        return whole * budget - running * max(0.0, WINDOW - lived)

    def _left(self, now: float, budget: float, ahead: float, committed: float, running: float) -> float:
        # A window that is full holds what runs anyhow; one that is not has that still to come.
        to_come = running * max(0.0, WINDOW - ahead - self._lived(now))
        return ((_AIM * WINDOW - self._spent(now, WINDOW - ahead)) * budget - committed - to_come) / ahead

    def _lived(self, now: float) -> float:
        return 0.0 if self._begun is None else now - self._begun

    def _spent(self, now: float, seconds: float) -> float:
        return self._since(now - seconds)[_SHARE]

    def _since(self, moment: float) -> _Sums:
        before, after = self._sums[bisect_right(self._at, moment)], self._sums[-1]
        return after[0] - before[0], after[1] - before[1], after[2] - before[2]


def _added(sums: tuple[float, float, float], spent: float, share: float, avoidable: float) -> _Sums:
    # The share is of the budget that held then, so that a budget that falls does not condemn what was right before.
    return sums[_SPENT] + spent, sums[_SHARE] + share, sums[_AVOIDABLE] + avoidable
