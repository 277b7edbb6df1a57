"""Holds tracing to its budget: measures what it costs, and sets the probabilities of the next moment from the past."""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import attrs

from tracing_proxies.sampling.commitment import Commitment
from tracing_proxies.sampling.host import HostLoad
from tracing_proxies.sampling.keys import LEAST, Key, Keys, surely
from tracing_proxies.sampling.ladder import STEPS, Ladder
from tracing_proxies.sampling.learning import Learning, Work
from tracing_proxies.sampling.plan import Demand, Plan, calmed, share
from tracing_proxies.sampling.spending import WINDOW, Spending

TICK = 0.2
"""Seconds from one step of the loop to the next, where nothing sudden happens. A step takes some 0.2 ms of CPU, twice
as much where the application has had the caches meanwhile."""
CALM_TICK = 1.0
"""The same where all is recorded, and a good part of the budget is left."""
_CALM = 0.3
_DECAY = 0.1
_SECOND = 1.0
_LOOK_AT_HOST = 2.0  # Linux takes 0.2 ms to tell
_LEAST_ROOM = 0.05
_MOST_IDLE = 0.25
_RISE = 1.7
_FALL = 0.7
_RELEASE = 0.9
_SURGE = 1.5
_AT_ONCE = 0.15
_AT_LEAST_AT_ONCE = 0.05
_FEW_ROOTS = 20
_LONGEST_STEP = 5.0
_NEVER_BELOW = 1e-7
_MOST_TIMINGS = 4_096

_log = logging.getLogger("tracing_proxies")


class Controller:
    """The closed loop. Nothing in it depends on the trace that is being decided, only on earlier ones, so the weight
    1/p of what is kept makes sums over it right on average.

    What the recorder reports is added up without locks: a report that two threads lose between them changes the next
    plan by nothing that matters, and no count or weight.

    Args:
        budget: seconds of CPU per second that tracing may cost; infinite for any, and above 0.
        floor: how many traces of each name are kept at least, per second, as far as there is room.
        clock: tells the monotonic time in seconds.
        worker: tells what our own threads have done so far.
        calls: tells how many calls of woven targets there have been.
        host: tells what the budget is multiplied by.

    Attributes:
        clock: tells the monotonic time in seconds.
        plan: the probabilities that hold now.
        keys: what is known of names.
        sudden: after how many traces the next step is due before its time.
        commitment: how many recorded traces may be under way.
        tick: seconds to the next step, where nothing sudden happens.
        roots: how many traces have begun.
        errors: how many traces had an error.
        notable: how many were recorded that are an error, slow, or asked for.
        rare: how many were recorded that are of a name that had not been seen for a while.
        stubs: how many stubs were made, and `granted` for how many traces.
        timings: what recording a span took of late, in seconds of CPU, where that was measured.
    """

    def __init__(
        self,
        budget: float,
        *,
        floor: float = 1 / 60,
        clock: Callable[[], float] = time.monotonic,
        worker: Callable[[], Work] = lambda: Work(0.0, 0, 0),
        calls: Callable[[], int] = lambda: 0,
        host: HostLoad | None = None,
    ) -> None:
        self.budget = budget
        self.tick = TICK
        self.floor = floor
        self._learning = Learning()
        self.costs = self._learning.costs
        self.plan = Plan(room=min(budget, 1.0))
        self.keys = Keys()
        self.ladder = Ladder(self._tell)
        self.host = host
        self.roots = 0
        self.sudden = self._alarm = math.inf
        self.errors = 0
        self.notable = 0
        self.rare = 0
        self.stubs = 0
        self.granted = 0
        self.timings: deque[float] = deque(maxlen=_MOST_TIMINGS)
        self.clock = clock
        self._worker = worker
        self._calls = calls
        self._demand = Demand()
        self.commitment = Commitment()
        self._caller = 0.0
        self._factor = 1.0
        self._lately = 0.0
        self._room_then = math.inf
        self._new_calls = 0
        self.begin_anew()

    def begin_anew(self) -> None:
        """Begin to measure from this moment: at first, and in a forked child."""
        self._last = self._second = self._looked = self.clock()
        self._spending = Spending()
        self._let_in = 0.0
        self._press_from = math.inf
        self._work = self._worker()
        self._bound(self._last, self.budget)
        self._learning.begin_anew(self._last, self._work)
        self._counted = self._calls()
        self._seen = self._counts()

    def recorded(self, spans: int, *, captured: bool) -> None:
        """Report that a trace was recorded.

        Args:
            captured: whether with arguments and results.
        """
        self._caller += spans * (self.costs.skeleton + (self.costs.payload if captured else 0.0))

    def ended(self, key: Key, duration: float, spans: int, recorded: float) -> bool:
        """Report that a recorded trace has ended.

        Args:
            duration: seconds.
            recorded: the probability at which it was.

        Returns:
            Whether it is a rare one.
        """
        self.commitment.ended(duration, spans)
        return self.keys.note(key, self.clock(), duration, spans, 1.0 / max(recorded, _NEVER_BELOW))

    @property
    def press(self) -> float:
        """What the shares of whole traces are multiplied by.

        It falls below 1.0 where more has come since the last step than was to be expected. So not even a flood
        after an idle time, when all shares are 1.0, passes the budget by much before the next step comes: what is let
        in grows with the logarithm of what comes.
        """
        return 1.0 if self._let_in <= self._press_from else self._press_from / self._let_in

    def let_in(self, share: float, spans: float) -> None:
        """Report that a whole trace was decided on.

        Args:
            share: at which it would have been kept without the press.
        """
        self._let_in += share * spans * self.costs.export

    def measured(self, seconds: float, spans: int, *, captured: bool) -> None:
        """Report what recording a trace took, measured on the application's threads.

        Args:
            seconds: of CPU.
            captured: whether with arguments and results.
        """
        costs, each = self.costs, seconds / max(1, spans)
        self.timings.append(each)
        if captured:
            self._learning.take("payload", each - costs.skeleton)
        else:
            self._learning.take("skeleton", each)

    def left_stub(self, seconds: float | None = None, *, first: bool = False) -> None:
        """Report that a stub was made.

        Args:
            seconds: of CPU that it took, where that was measured.
            first: whether it is the first of its trace.
        """
        self.stubs += 1
        self.granted += first
        if seconds is not None:
            self._learning.take("stub", seconds)
        self._caller += self.costs.stub

    @property
    def due(self) -> bool:
        """Whether it is time for a step."""
        return self.roots >= self._alarm or not 0 <= self.clock() - self._last < self.tick

    def step(self) -> None:
        """Take one step of the loop: learn what was spent, and make the next plan."""
        now = self.clock()
        elapsed = now - self._last
        if elapsed <= 0:
            self._last = min(now, self._last)  # a clock that went back; the next step measures from there
            return
        self._last = now
        if self.host is not None and not 0 <= now - self._looked < _LOOK_AT_HOST:
            self._factor, self._looked = self.host.factor(now), now
        spent, counting = self._spent(now, elapsed)
        budget = self.budget * self._factor
        # What is spent now was decided a moment ago, when the host may not have been as busy.
        self._lately = max(budget, _RELEASE ** (elapsed / _DECAY) * self._lately)
        self._spending.add(now, spent, self._lately, (spent - counting) / self.budget)
        self._follow(elapsed)
        room = self._room(now, budget)
        self._bound(now, budget)
        plan = calmed(share(room, self._demand, self.costs), self.plan, _RISE)
        self.plan = attrs.evolve(plan, record=LEAST) if room > 0.0 and plan.record < LEAST else plan
        # So many traces may come of a sudden that their shares cannot wait for the next second.
        if not 0 <= now - self._second < _SECOND or self._demand.roots > _SURGE * self.keys.level:
            self._turn(now)
        elif self.plan.room < _FALL * self._room_then:
            self._room_then = self.plan.room
            self.keys.fill(self.plan.room, self.costs.export, self.floor)
        self.tick = CALM_TICK if self._is_calm(now, budget) else TICK
        self._let_in = 0.0
        self._press_from = self.tick / TICK * max(_AT_ONCE * self.plan.room, _AT_LEAST_AT_ONCE * budget)
        self.sudden = _FEW_ROOTS + 3 * self._demand.roots * TICK
        self._alarm = self.roots + self.sudden
        self.ladder.follow(self.plan, now)

    def _is_calm(self, now: float, budget: float) -> bool:
        """Tell whether there is nothing to regulate: what comes of a sudden is noticed as it comes."""
        plan = self.plan
        is_whole = plan.record == plan.capture == plan.error == plan.whole == 1.0
        return is_whole and self._spending.is_full(now) and self._spending.within(now, WINDOW) < _CALM * WINDOW * budget

    def _spent(self, now: float, elapsed: float) -> tuple[float, float]:
        """Return what was spent since the last step, and how much of it by counting."""
        counted, self._work = self._calls(), self._worker()
        self._new_calls, self._counted = max(0, counted - self._counted), counted
        caller, self._caller = self._caller, 0.0
        counting = self._new_calls * self.costs.count
        return caller + counting + self._learning.follow(now, elapsed, self._work), counting

    @property
    def unsure(self) -> bool:
        """Whether the costs of recording are guesses still, so that every trace is to be measured."""
        return self._learning.unsure

    def _counts(self) -> tuple[int, ...]:
        return self.roots, self.errors, self.notable, self.rare, self.stubs, self.granted

    def _follow(self, elapsed: float) -> None:
        # A time that nobody looked at, as of a machine that slept, says nothing of what comes now.
        held = float(_RELEASE ** (elapsed / _DECAY if elapsed < _LONGEST_STEP else 1.0))

        def level(count: int, before: float, together: float = 1.0) -> float:
            count, time = max(0, count), max(elapsed, TICK)  # what comes within a moment says nothing of a rate
            return max(surely(count, count / together) / time, held * before + (1 - held) * count / time)

        demand, counts = self._demand, self._counts()
        roots, errors, notable, rare, stubs, granted = (
            one - other for one, other in zip(counts, self._seen, strict=True)
        )
        self._seen = counts
        self._demand = Demand(
            level(self._new_calls, demand.calls, self.commitment.spans),
            level(roots, demand.roots),
            level(errors, demand.errors),
            level(notable, demand.notable),
            level(rare, demand.rare),
            self.commitment.spans,
            max(1.0, demand.stubs + min(1.0, granted / 50) * (stubs / granted - demand.stubs)) if granted > 0
            else demand.stubs,
        )  # fmt: skip

    def _room(self, now: float, budget: float) -> float:
        if math.isinf(self.budget):
            return math.inf
        if self._spending.overran(now):
            return 0.0
        committed = self._work.waiting * self.costs.export + self.commitment.due(self.costs, self.unsure)
        room = self._spending.room(now, budget, committed, self._running(budget))
        return max(room - self._counting, _LEAST_ROOM * budget)

    def _bound(self, now: float, budget: float) -> None:
        left = self._spending.left(now, budget, self._running(budget)) - self._work.waiting * self.costs.export
        self.commitment.bound(left, self.costs, self.unsure)

    def _running(self, budget: float) -> float:
        """Return what is spent whatever is let in, in seconds of CPU per second."""
        idle = min(self._learning.idle, _MOST_IDLE * budget)  # else a small budget would begin with no room at all
        return idle + self._counting

    @property
    def _counting(self) -> float:
        return self._demand.calls * self.costs.count

    def _turn(self, now: float) -> None:
        elapsed, room = min(max(now - self._second, TICK), _LONGEST_STEP), self.plan.room
        self._second, self._room_then = now, room
        self.keys.turn(now, elapsed, self._demand.roots, room, self.costs.export, self.floor)

    def status(self) -> dict[str, Any]:
        """Describe what tracing costs and which detail it has, in plain values."""
        now, plan = self.clock(), self.plan
        return {
            "budget": None if math.isinf(self.budget) else self.budget,
            "spent": self._spending.within(now, WINDOW) / WINDOW,
            "step": self.ladder.name,
            "descents": self.ladder.descents,
            "record": plan.record,
            "capture": plan.capture,
            "error": plan.error,
            "whole": plan.whole,
            "rare": plan.rare,
            "names": len(self.keys),
            "host_load": None if self.host is None else self.host.load,
            "host_factor": self._factor,
            "costs_us": {
                name: round(getattr(self.costs, name) * 1e6, 2)
                for name in ("count", "skeleton", "payload", "export", "stub")
            },
            "stubs": self.stubs,
        }

    def _tell(self, before: str, now: str) -> None:
        share = "" if math.isinf(self.budget) else f" of a budget of {self.budget:.2%}"
        spent = 100 * self._spending.within(self.clock(), WINDOW) / WINDOW
        busy = ""
        if self._factor < 1.0 and self.host is not None and self.host.load is not None:
            busy = f"; as the host is {self.host.load:.0%} busy it may cost {self._factor:.0%} of that"
        ahead = ""
        if STEPS.index(now) > STEPS.index(before) and spent < 100 * self.budget * self._factor:
            ahead = "; to go on so with all that comes would cost more"
        _log.warning(
            "tracing goes from %r to %r: it has cost %.2f %% of a core%s in the last %d seconds%s%s",
            before, now, spent, share, WINDOW, busy, ahead,
        )  # fmt: skip
