"""Decides on whole traces: which are recorded when they begin, and which are kept when they have ended."""

from __future__ import annotations

import itertools
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context

from tracing_proxies.recording.context import SPAN_KEY
from tracing_proxies.recording.held import Held
from tracing_proxies.recording.ids import new_trace_id
from tracing_proxies.recording.ids import random_bits as _bits
from tracing_proxies.recording.judging import judge, judge_early
from tracing_proxies.recording.overflow import is_long, relieve
from tracing_proxies.recording.span import Span
from tracing_proxies.recording.state import told_state
from tracing_proxies.recording.trace import FORGOTTEN, Trace
from tracing_proxies.recording.unrecorded import ROOT_KEY, Unrecorded
from tracing_proxies.registry.paths import CapturePath
from tracing_proxies.sampling.controller import Controller
from tracing_proxies.sampling.rule import MASK, probability_of, threshold
from tracing_proxies.sampling.verdict import Verdict, with_error

if TYPE_CHECKING:
    from tracing_proxies.recording.recipe import Recipe

_RARE_AFTER = 30 * 10**9
_EVERY = 2 * 10**8
_SUDDEN = 50
_MOST_ROOTS = 10_000
_WEIGHED_FROM = 1_000
_MOST_ENDED = 2_000
_TIMED = 0xF  # of the bits of an id above R: one trace in 16 is measured
_DROPPED = Verdict(False, False, 0.0, 0.0, "memory")


class Tail:
    """Applies the sampling rule to the traces of one recorder.

    Args:
        controller: sets the probabilities.
        keep: error, slow, rare, and conditions on a trace: what is kept before others.
        emit: takes each span that is kept.
        rouse: lets the controller take its next step soon; called on the application's threads.
        clock: tells the monotonic time in nanoseconds.
        cpu_clock: tells the CPU that the calling thread has taken, in nanoseconds.

    Attributes:
        recorder: whose traces these are.
        undecided: the traces that are recorded and not decided yet, by the id of what holds their spans.
        roots: the first calls of traces that are not recorded, by trace id, where something below has asked for them.
        keeps_errors, keeps_slow, keeps_rare: whether those are kept before others.
        conditions: on a trace, by which it is kept before others.
    """

    __slots__ = (
        "_alarm", "_begun", "_below", "_clock", "_due", "_ended", "_least", "_least_capture", "_left_out", "_plan",
        "_rare_after", "_rouse", "_skipped", "conditions", "controller", "cpu_clock", "emit", "keeps_errors",
        "keeps_rare", "keeps_slow", "recorder", "roots", "undecided",
    )  # fmt: skip

    def __init__(
        self,
        controller: Controller,
        keep: Sequence[str | CapturePath],
        emit: Callable[[Span], None],
        rouse: Callable[[], None],
        clock: Callable[[], int] = time.perf_counter_ns,
        cpu_clock: Callable[[], int] = time.thread_time_ns,
    ) -> None:
        self.controller = controller
        self.emit = emit
        self.recorder: Any = None
        self.undecided: dict[int, Held] = {}
        self.roots: dict[int, Unrecorded] = {}
        self._rouse = rouse
        self._clock = clock
        self.cpu_clock = cpu_clock
        self._below = Unrecorded.stand_in(0, 0)
        self._below.tail, self._below.shared = self, True
        self._due = 0
        self._alarm = math.inf
        self._plan: Any = None
        self._least = self._least_capture = 0
        self.keeps_errors, self.keeps_slow, self.keeps_rare = ("error" in keep), ("slow" in keep), ("rare" in keep)
        self._rare_after = _RARE_AFTER if self.keeps_rare else 1 << 64  # more than since never
        self.conditions = tuple(condition for condition in keep if not isinstance(condition, str))
        self._left_out = itertools.count()
        self._begun = itertools.count()
        self._skipped = itertools.count()
        # Traces that have ended here: their late spans may come with nothing but the id. Those that were asked for last
        # stand last. Each single operation of this dict is one of the interpreter's, which needs no lock of ours.
        self._ended: OrderedDict[int, Held] = OrderedDict()

    @property
    def left_out(self) -> int:
        """How many recorded spans sampling has left out."""
        return read_count(self._left_out)

    def leave_out_span(self) -> None:
        """Count a recorded span that is not kept."""
        next(self._left_out)

    @property
    def unrecorded(self) -> int:
        """How many traces were only counted from the start."""
        return read_count(self._skipped)

    @property
    def arrived(self) -> int:
        """How many traces have begun."""
        return read_count(self._begun) + read_count(self._skipped)

    @property
    def holding(self) -> int:
        """How many ended spans wait for the verdict on their traces."""
        return sum(len(held) for held in list(self.undecided.values()))

    def forget(self) -> None:
        """Begin anew in a forked child: what the parent holds is the parent's, and what comes here follows one rule."""
        for held in list(self.undecided.values()):
            held.retire()
            if held.verdict is None:
                self.conclude(held, judge_early(self, held))
        self.undecided = {}
        self._left_out, self._begun, self._skipped = itertools.count(), itertools.count(), itertools.count()
        self.roots = {}
        self._due = 0
        self.controller.begin_anew()

    def leave_out(self, recipe: Recipe, context: Context) -> Any:
        """Decide at once on most traces that are not recorded.

        Returns:
            What is to be current below the call; the id of the trace where it takes more to decide.
        """
        start = self._clock()
        tally = recipe.tally
        trace_id = _bits(128) or new_trace_id()
        if start >= self._due or trace_id & MASK >= self._least or start - tally.seen > self._rare_after:
            return trace_id
        tally.seen = start
        next(self._skipped)
        made = context.copy()
        made[SPAN_KEY], made[ROOT_KEY] = self._below, (trace_id, recipe)
        return Context(made)

    def materialise(self, trace_id: int, recipe: Recipe) -> Unrecorded:
        """Return the object for the first call of a trace that is not recorded, as long as it is under way."""
        found = self.roots.get(trace_id)
        if found is None:
            found = Unrecorded.stand_in(trace_id, trace_id & MASK)
            found.tail, found.recipe = self, recipe
            if len(self.roots) >= _MOST_ROOTS:  # their ends are elsewhere, or nowhere
                self.roots.pop(next(iter(self.roots)), None)
            found = self.roots.setdefault(trace_id, found)
        return found

    def begin(
        self,
        recipe: Recipe,
        trace_id: int,
        *,
        random: int | None = None,
        share: float = 1.0,
        critical: bool = False,
        sampled: bool | None = None,
        told: int | None = None,
    ) -> Trace | None:
        """Decide on a trace as it begins.

        Args:
            random: R, where it is not the low 56 bits of the trace id.
            share: of the rule's own, by ``sample:``.
            critical: whether it outlives every budget.
            sampled: what a service before this one has decided; None where there is none.
            told: the T by which it has.

        Returns:
            The trace; None if its calls are only counted.
        """
        now = self._clock()
        controller, tally = self.controller, recipe.tally
        begun = next(self._begun)
        if not self._due - _EVERY <= now < self._due or begun >= self._alarm:
            self.wake(now, begun)
        if random is None:
            random = trace_id & MASK
        plan = controller.plan
        if plan is not self._plan:
            self._least, self._least_capture = threshold(plan.record), threshold(plan.capture)
            self._plan, self._alarm = plan, begun + controller.sudden
        rare = now - tally.seen > self._rare_after
        tally.seen = now
        recorded, capture, under_way = plan.record, random >= self._least_capture, len(self.undecided)
        if rare or critical or share < 1.0 or sampled or under_way >= controller.commitment.most:
            recorded = max(recorded, plan.rare) if rare else recorded
            recorded = min(recorded * controller.commitment.thinned(under_way), share)
            if critical:
                recorded = 1.0
            elif sampled:
                recorded = 1.0 if told is None else probability_of(told)
            if not (critical or sampled) and random < threshold(recorded):
                return None
            capture = capture or rare or critical
        elif random < self._least:
            return None
        trace = Trace(trace_id)
        trace.payload = capture
        if not trace_id >> 56 & _TIMED or controller.unsure:
            trace.timed = True
        trace.held = held = Held(trace, recorded, now, self, random)
        held.rare, held.critical, held.fixed = rare, critical, bool(sampled)
        held.partial = sampled is False
        self.undecided[id(held)] = held
        return trace

    def wake(self, now: int, begun: int) -> None:
        """Let the controller take its next step, which is due, or sudden.

        Args:
            begun: how many traces have begun.
        """
        self._due, self._alarm = now + _EVERY, begun + _SUDDEN
        self._rouse()

    def settle(self, held: Held) -> bool:
        """Decide on a trace at once, since a service is about to be told of it; an error may still add to it here.

        Returns:
            Whether it is kept.
        """
        if held.verdict is None and not held.fixed:
            key = self.controller.keys.find(held.trace.name)
            press = self.controller.press
            share = min(held.recorded, held.survived, key.share * press)
            self.controller.let_in(share / press, key.spans)
            held.fixed = held.critical or (not held.partial and held.random >= threshold(share))
            held.recorded = 1.0 if held.critical else share
            held.partial = not held.fixed
        return held.fixed if held.verdict is None else held.verdict.whole

    def end(self, root: Span) -> None:
        """Decide on a trace whose first span has ended and been held."""
        trace = root.trace
        held = trace.held
        if held is None:
            return
        if held.verdict is not None:  # it was decided early, or dropped
            self._remember(held)
            return
        before = self._clock() if trace.timed else 0
        taken, spans = (root.stop or root.start) - root.start, len(held)
        self.conclude(held, judge(self, held, root, taken))
        self._note_ended(held, spans, self._clock() - before if trace.timed else 0)

    def sweep(self) -> None:
        """Decide early on traces that are long, and make room where those that are undecided hold too much."""
        now = self._clock()
        waiting = list(self.undecided.values())
        for held in waiting:
            if held.verdict is None and is_long(held, now):
                self.conclude(held, judge_early(self, held))
        if sum(len(held) for held in waiting) > _WEIGHED_FROM:
            for held in relieve([held for held in waiting if held.verdict is None]):
                self.conclude(held, _DROPPED)

    def close(self) -> None:
        """Decide on all traces as far as they have come."""
        for held in list(self.undecided.values()):
            if held.verdict is None:
                self.conclude(held, judge_early(self, held))

    def conclude(self, held: Held, verdict: Verdict) -> None:
        """Put a verdict into effect."""
        self.undecided.pop(id(held), None)
        if verdict.weight > 1.0:
            held.trace.state = told_state(held.trace.state, held.random, threshold(1.0 / verdict.weight))
        held.verdict = verdict
        held.release()

    def note_error(self, held: Held, span: Span) -> None:
        """Take note of the first error of a trace; where that was decided early, it may still leave as much as a stub.

        Args:
            span: what failed; it has not been added yet.
        """
        if not self.keeps_errors:
            return
        verdict, held.error = held.verdict, self.controller.plan.error
        if verdict is None:
            return
        # Once the first span has been handed on or left out, nothing can be added to it.
        if verdict is not _DROPPED and (span.span_id == held.root_id or not held.trace.ended):
            self.controller.errors += 1
            held.verdict = with_error(verdict, held.random, held.recorded, held.error, held.survived)

    def follow(self, trace_id: int) -> Trace | None:
        """Return a trace that has ended here, for spans of it that begin later; None if it is not known any more."""
        try:
            self._ended.move_to_end(trace_id)
            return self._ended[trace_id].trace
        except KeyError:
            return None

    def _remember(self, held: Held) -> None:
        """Keep the verdict on a trace for spans that come late."""
        held.retire()
        ended = self._ended
        ended[held.trace.trace_id] = held
        if len(ended) > _MOST_ENDED:
            try:
                ended.popitem(last=False)[1].trace = FORGOTTEN
            except KeyError:  # other threads have made room
                pass

    def _note_ended(self, held: Held, spans: int, deciding: int) -> None:
        """Tell the controller of a trace that has been decided as it ended.

        Args:
            spans: how many it had.
            deciding: what its verdict has taken, in nanoseconds; 0 where that was not measured.
        """
        self._remember(held)
        trace = held.trace
        self.controller.recorded(spans, captured=trace.payload)
        if trace.spent:
            self.controller.measured((trace.spent + deciding) / 1e9, spans, captured=trace.payload)


def read_count(count: Any) -> int:
    """Return how often ``next`` was called on an ``itertools.count``."""
    # `next` counts without a lock, and the text is the only way to read a count without counting.
    return int(repr(count)[len("count(") : -1])
