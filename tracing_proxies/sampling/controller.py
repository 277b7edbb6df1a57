"""Holds tracing to its budget: measures what it costs, and sets the probabilities of the next moment from the past."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from tracing_proxies.sampling.host import HostLoad
from tracing_proxies.sampling.keys import Keys
from tracing_proxies.sampling.ladder import Ladder
from tracing_proxies.sampling.plan import Costs, Demand, Plan, calmed, share
from tracing_proxies.sampling.spending import WINDOW, Spending

TICK = 0.1
_SECOND = 1.0
_LEAST_ROOM = 0.05
_RISE = 1.3
_FALL = 0.7
_LEARN = 0.1
_RELEASE = 0.9
_ALARM = 0.3
_ENOUGH_SPANS = 20  # few at a time say little: what a request costs is shared by all that it holds
_LONGEST_STEP = 5.0
_NEVER_BELOW = 1e-7

_log = logging.getLogger("tracing_proxies")


class Work(NamedTuple):
    """What our own threads have done so far.

    Args:
        cpu: seconds of CPU that they have taken.
        finished: spans that they have finished.
        waiting: spans that they have not begun with.
    """

    cpu: float
    finished: int
    waiting: int


class Controller:
    """The closed loop. Nothing in it depends on the trace that is being decided, only on earlier ones, so the weight
    1/p of what is kept makes sums over it right on average.

    What the recorder reports is added up without locks: a report that two threads lose between them changes the next
    plan by nothing that matters, and no count or weight.

    Args:
        budget: seconds of CPU per second that tracing may cost; infinite for any.
        floor: how many traces of each name are kept at least, per second, as far as there is room.
        clock: tells the monotonic time in seconds.
        worker: tells what our own threads have done so far.
        calls: tells how many calls of woven targets there have been.
        host: tells what the budget is multiplied by.
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
        self.floor = floor
        self.costs = Costs()
        self.plan = Plan(room=min(budget, 1.0))
        self.keys = Keys()
        self.ladder = Ladder(self._tell)
        self.host = host
        self.roots = 0
        self.errors = 0
        self.notable = 0
        self.stubs = 0
        self._clock = clock
        self._worker = worker
        self._calls = calls
        self._spending = Spending()
        self._demand = Demand()
        self._caller = 0.0
        self._factor = 1.0
        self._room_then = math.inf
        self._new_calls = 0
        self.begin_anew()

    def begin_anew(self) -> None:
        """Begin to measure from this moment: at first, and in a forked child."""
        self._last = self._second = self._clock()
        self._work = self._exported = self._worker()
        self._counted = self._calls()
        self._seen = (self.roots, self.errors, self.notable)

    def recorded(self, spans: int, *, captured: bool) -> None:
        """Report that a trace was recorded.

        Args:
            captured: whether with arguments and results.
        """
        self._caller += spans * (self.costs.skeleton + (self.costs.payload if captured else 0.0))
        demand = self._demand
        self._demand = Demand(
            demand.calls, demand.roots, demand.errors, demand.notable, demand.spans + (spans - demand.spans) * 0.05
        )

    def measured(self, seconds: float, spans: int, *, captured: bool) -> None:
        """Report what recording a trace took, measured on the application's threads.

        Args:
            seconds: of CPU.
            captured: whether with arguments and results.
        """
        costs, each = self.costs, seconds / max(1, spans)
        if captured:
            costs.payload += _LEARN * (max(each - costs.skeleton, _NEVER_BELOW) - costs.payload)
        else:
            costs.skeleton += _LEARN * (max(each, _NEVER_BELOW) - costs.skeleton)

    def left_stub(self) -> None:
        """Report that a stub was made."""
        self.stubs += 1
        self._caller += self.costs.stub

    @property
    def due(self) -> bool:
        """Whether it is time for a step."""
        return self._clock() - self._last >= TICK

    def step(self) -> None:
        """Take one step of the loop: learn what was spent, and make the next plan."""
        now = self._clock()
        elapsed = now - self._last
        if elapsed <= 0:
            self._last = min(now, self._last)  # a clock that went back; the next step measures from there
            return
        self._last = now
        spent = self._learn(now)
        self._spending.add(now, spent)
        self._follow(min(elapsed, _LONGEST_STEP))
        room = self._room(now)
        if now - self._second >= _SECOND or now < self._second:
            self._turn(now)
        self.plan = calmed(share(room, self._demand, self.costs), self.plan, _RISE)
        if self.plan.room < _FALL * self._room_then:
            self._room_then = self.plan.room
            self.keys.fill(self.plan.room, self.costs.export, self.floor)
        self.ladder.follow(self.plan, now)

    def _learn(self, now: float) -> float:
        work, counted = self._worker(), self._calls()
        spent, calls = max(0.0, work.cpu - self._work.cpu), max(0, counted - self._counted)
        caller, self._caller = self._caller, 0.0
        self._work, self._counted = work, counted
        done = work.finished - self._exported.finished
        if done >= _ENOUGH_SPANS or done < 0:
            each = max(0.0, work.cpu - self._exported.cpu) / max(1, done)
            self._exported = work
            if done > 0:
                self.costs.export += (_ALARM if each > self.costs.export else _LEARN) * (each - self.costs.export)
        self._new_calls = calls
        return caller + calls * self.costs.count + spent

    def _follow(self, elapsed: float) -> None:
        held = float(_RELEASE ** (elapsed / TICK))

        def level(count: int, before: float) -> float:
            now = max(0, count) / max(elapsed, TICK)  # what comes within a moment says nothing of a rate
            return max(now, held * before + (1 - held) * now)

        demand, seen = self._demand, (self.roots, self.errors, self.notable)
        new = [one - other for one, other in zip(seen, self._seen, strict=True)]
        self._seen = seen
        self._demand = Demand(
            level(self._new_calls, demand.calls),
            level(new[0], demand.roots),
            level(new[1], demand.errors),
            level(new[2], demand.notable),
            demand.spans,
        )

    def _room(self, now: float) -> float:
        if math.isinf(self.budget):
            return math.inf
        budget = self.budget * self._factor
        counting = self._demand.calls * self.costs.count
        room = self._spending.room(now, budget, self._work.waiting * self.costs.export)
        return max(room - counting, _LEAST_ROOM * budget)

    def _turn(self, now: float) -> None:
        elapsed, self._second = now - self._second, now
        if self.host is not None:
            self._factor = self.host.factor(now)
        self._room_then = self.plan.room
        self.keys.turn(now, min(max(elapsed, TICK), _LONGEST_STEP), self.plan.room, self.costs.export, self.floor)

    def status(self) -> dict[str, Any]:
        """Describe what tracing costs and which detail it has, in plain values."""
        now, plan = self._clock(), self.plan
        return {
            "budget": None if math.isinf(self.budget) else self.budget,
            "spent": self._spending.within(now, WINDOW) / WINDOW,
            "step": self.ladder.name,
            "descents": self.ladder.descents,
            "record": plan.record,
            "capture": plan.capture,
            "error": plan.error,
            "whole": plan.whole,
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
        _log.warning(
            "tracing goes from %r to %r: it has cost %.2f %% of a core%s in the last %d seconds",
            before, now, 100 * self._spending.within(self._clock(), WINDOW) / WINDOW, share, WINDOW,
        )  # fmt: skip
