"""Starts and ends spans: decides what a call belongs to, and hands ended spans on."""

from __future__ import annotations

import itertools
import os
import weakref
from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry.context import Context

from tracing_proxies import clocks
from tracing_proxies.failures import contain
from tracing_proxies.recording.capture import flat_copy, is_flat, snapshot
from tracing_proxies.recording.context import SPAN_KEY, current, with_own_span
from tracing_proxies.recording.endings import Endings
from tracing_proxies.recording.fields import new_span, new_trace
from tracing_proxies.recording.handles import Recording
from tracing_proxies.recording.ids import new_span_id, new_trace_id
from tracing_proxies.recording.ids import random_bits as _bits
from tracing_proxies.recording.nesting import joins
from tracing_proxies.recording.placement import Placement
from tracing_proxies.recording.recipe import Recipe
from tracing_proxies.recording.span import Span
from tracing_proxies.recording.tail import Tail, read_count
from tracing_proxies.recording.tally import Tally
from tracing_proxies.recording.trace import Trace
from tracing_proxies.recording.unrecorded import Unrecorded, make_unrecorded

_clock = clocks.perf_counter_ns
_wall_clock = clocks.time_ns
_cpu_clock = clocks.thread_time_ns


_recorders: weakref.WeakSet[Recorder] = weakref.WeakSet()


def _begin_anew() -> None:
    for recorder in list(_recorders):
        recorder.forget()


# Once and by weak references: what is registered for a fork can never be taken back.
os.register_at_fork(after_in_child=_begin_anew)


class Recorder(Endings):
    """Turns calls into spans.

    Args:
        emit: takes each ended span, on the application's thread; it must be quick and never raise.

    Attributes:
        forced: how many blocks are open in which everything is recorded.
        tail: decides what is sampled; None where everything is kept.
        tallies: the counts of each target, by name.
        ways: how a call begins, at once or later, or is skipped: bound once for all join points.
    """

    __slots__ = ("__weakref__", "forced", "placement", "skipped", "tail", "tallies", "ways")

    def __init__(self, emit: Callable[[Span], None]) -> None:
        super().__init__(emit)
        self.forced = 0
        self.tail: Tail | None = None
        self.tallies: dict[str, Tally] = {}
        self.skipped = itertools.count()
        self.placement = Placement(self)
        self.ways: tuple[Callable[..., Any], Callable[..., Any], Callable[[], int]] = (
            self.begin,
            self.begin_later,
            self.skipped.__next__,
        )
        _recorders.add(self)

    def forget(self) -> None:
        """Begin anew in a forked child: the parent's open spans are the parent's to end, its calls to count."""
        self.open = {}
        self.traces = {}
        for tally in self.tallies.values():
            tally.forget()
        if self.tail is not None:
            self.tail.forget()

    def sample(self, tail: Tail | None) -> None:
        """Let a sampler decide from now on; None keeps everything. Traces that are under way keep theirs."""
        if tail is not None:
            tail.recorder = self
        self.tail = tail

    def tally(self, target: str) -> Tally:
        """Return the tally of a target, which outlives every change of its rule."""
        return self.tallies.setdefault(target, Tally(target))

    def count_calls(self) -> dict[str, int]:
        """Return how many calls have ended, and how many of them failed, whatever was recorded of them."""
        counts = [tally.count_all() for tally in list(self.tallies.values())]
        return {"count": sum(calls for calls, _ in counts), "errors": sum(errors for _, errors in counts)}

    @property
    def left_out(self) -> int:
        """How many calls their own rule has left out without a span; what is below them is not among these."""
        return read_count(self.skipped)

    def begin(
        self,
        recipe: Recipe,
        function: Any,
        instance: Any,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        context: Context,
        parent: Any,
        trace_id: int = 0,
    ) -> Recording | None:
        """Start a span for a call, or what only counts it.

        Args:
            function: the raw function, by which ``super()`` chains are told from recursion.
            instance: what the call is bound to, or None.
            context: what is current.
            parent: the current span in it.
            trace_id: the id of the trace that begins, where it has been drawn already.

        Returns:
            What the call's end is to be told; None if the call is to pass through untraced.
        """
        try:
            if type(parent) is Unrecorded and recipe.counts_alone:
                if recipe.nested != "child" and joins(parent, recipe, function, instance):
                    return None
                return make_unrecorded(recipe, context, parent, function, instance, args, kwargs)
            if not recipe.is_plain or (
                parent is not None and (type(parent) is not Span or parent.waiting_for is not None)
            ):
                within = parent.trace if type(parent) is Span and parent.trace.timed else None
                before, spent = _clock(), 0 if within is None else _cpu_clock()
                placed = self.placement.begin(recipe, function, instance, args, kwargs, context, trace_id)
                if (taken := _clock() - before) > self.patience:
                    self.impatient(recipe, taken)
                if within is not None:
                    within.spent += _cpu_clock() - spent
                elif type(placed) is Span and placed.trace.timed:
                    placed.trace.spent += taken
                return placed
            # What nearly every call needs and no more, in one function: spans and traces are made without `__init__`
            # (0.4 us each), and argument names are left to the worker (0.2 us).
            name, asked = recipe.constant_name or "", 0
            if parent is not None:
                if recipe.nested != "child" and joins(parent, recipe, function, instance):
                    return None
                trace = parent.trace
                if trace.timed:
                    return self._begin_timed(trace, recipe, function, instance, args, kwargs, context, parent)
                if trace.room is not None:
                    if trace.room <= 0:
                        return self.placement.crowd(trace, parent, recipe, context)
                    trace.room -= 1
            elif self.tail is None or self.forced:
                trace = new_trace(Trace)
                trace.trace_id = _bits(128) or new_trace_id()
                trace.name = name
                if recipe.room is not None:
                    trace.room = recipe.room
            else:
                asked = _clock()
                trace_id = trace_id or _bits(128) or new_trace_id()
                begun = self.tail.begin(recipe, trace_id)
                if begun is None:
                    return self.placement.leave_out(
                        self.tail, trace_id, recipe, context, function, instance, args, kwargs
                    )
                trace = begun
                trace.name, trace.room = name, recipe.room
            span = new_span(Span)
            span.recorder = self
            span.recipe = recipe
            span.trace = trace
            span.span_id = span_id = _bits(64) or new_span_id()
            span.function = function
            span.instance_id = id(instance)
            span.name = name
            if recipe.observation != "span":
                span.type = recipe.observation
            if parent is not None:
                span.parent = parent
                span.app_root = False
                span.parent_id = parent.span_id
                span.weight = trace.weight
                if parent.foreign is not None:
                    span.foreign = parent.foreign
            if recipe.library:
                span.library = recipe.library
                span.context = with_own_span(context, span)
            else:
                copied_context = context.copy()
                copied_context[SPAN_KEY] = span
                span.context = Context(copied_context)  # as `with_span` does
            before = 0
            if recipe.capture_input and trace.payload:
                copied = flat_copy(args, recipe.limits)
                if copied is not None and (not kwargs or is_flat(kwargs, recipe.limits)):
                    span.arguments = copied
                    if kwargs:
                        span.keywords = kwargs
                else:
                    before = _clock()
                    span.input = snapshot(recipe.bind(args, kwargs), recipe.limits)
            self.open[span_id] = span
            span.start = start = _clock()
            if before and start - before > self.patience:
                self.impatient(recipe, start - before)
            if parent is None:
                trace.offset = _wall_clock() - start
                if trace.held is not None:
                    trace.held.root_id = span_id
                if trace.timed:
                    trace.spent = start - asked
            return span
        except Exception as exc:
            contain("begin", exc)
            return None

    def begin_later(
        self, recipe: Recipe, function: Any, instance: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Recording | None:
        """Do as `begin` does in what is current now."""
        context = current()
        return self.begin(recipe, function, instance, args, kwargs, context, context.get(SPAN_KEY))

    def _begin_timed(self, trace: Trace, *call: Any) -> Recording | None:
        """Measure what beginning a span takes."""
        trace.timed = False
        start = _cpu_clock()
        begun = self.begin(*call)
        trace.spent += _cpu_clock() - start
        trace.timed = True
        return begun
