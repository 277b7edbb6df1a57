"""Starts and ends spans: decides what a call belongs to, and hands ended spans on."""

from __future__ import annotations

import itertools
import os
import time
import weakref
from collections.abc import Callable, Mapping
from typing import Any, cast

from opentelemetry.context import Context
from opentelemetry.trace import SpanContext, TraceFlags

from tracing_proxies.failures import contain
from tracing_proxies.recording import outcome
from tracing_proxies.recording.capture import flat_copy, is_flat, snapshot
from tracing_proxies.recording.context import OWN_KEY, SPAN_KEY, SUPPRESSED, current, with_own_span, with_span
from tracing_proxies.recording.handles import Adoption, Recording
from tracing_proxies.recording.ids import new_span_id, new_trace_id
from tracing_proxies.recording.ids import random_bits as _bits
from tracing_proxies.recording.nesting import demote_inner_generation, joins
from tracing_proxies.recording.recipe import Recipe
from tracing_proxies.recording.room import Crowd, Crowded
from tracing_proxies.recording.scope import CallScope
from tracing_proxies.recording.span import Span
from tracing_proxies.recording.tail import Tail
from tracing_proxies.recording.tally import LOOK_AT, Tally
from tracing_proxies.recording.trace import Trace
from tracing_proxies.recording.unrecorded import COUNTED, LEFT_OUT, UNSAMPLED, Unrecorded, make_unrecorded
from tracing_proxies.sampling.rule import MASK, keeps, read_state

_new: Any = object.__new__
_put: Any = dict.__setitem__
_clock = time.perf_counter_ns
_wall_clock = time.time_ns
_cpu_clock = time.thread_time_ns


_recorders: weakref.WeakSet[Recorder] = weakref.WeakSet()


def _begin_anew() -> None:
    for recorder in list(_recorders):
        recorder.forget()


# Once and by weak references: what is registered for a fork can never be taken back.
os.register_at_fork(after_in_child=_begin_anew)


class Recorder:
    """Turns calls into spans.

    Args:
        emit: takes each ended span, on the application's thread; it must be quick and never raise.
    """

    def __init__(self, emit: Callable[[Span], None]) -> None:
        self.emit = emit
        self.observers: list[Callable[[Span], None]] = []
        self.forced = 0
        self.open: dict[int, Span] = {}
        self.traces: dict[int, Trace] = {}
        self.tail: Tail | None = None
        self.tallies: dict[str, Tally] = {}
        self._left_out = itertools.count()
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

    @property
    def left_out(self) -> int:
        """How many calls have been left out by their own rule without making a span; their children are not among them."""
        # `next` counts without a lock, and the text is the only way to read a count without counting.
        return int(repr(self._left_out)[len("count(") : -1])

    def begin(
        self, recipe: Recipe, function: Any, instance: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Any:
        """Start a span for a call.

        Args:
            function: the raw function, by which ``super()`` chains are told from recursion.
            instance: what the call is bound to, or None.

        Returns:
            What the call's end is to be told; `COUNTED` or `LEFT_OUT` if it is to be counted by the caller; None if it
            is to pass through untraced.
        """
        try:
            context = current()
            parent = context.get(SPAN_KEY)
            if parent is None:
                if recipe.sample <= 0.0 and not context and recipe.counts_alone:
                    next(self._left_out)
                    return LEFT_OUT
            elif type(parent) is Unrecorded:
                if recipe.counts_alone and not recipe.tally.has_namesakes:
                    return COUNTED
            if not recipe.is_plain or (
                parent is not None and (type(parent) is not Span or parent.waiting_for is not None)
            ):
                return self._begin(recipe, function, instance, args, kwargs, context)
            # What nearly every call needs and no more, in one function: spans and traces are made without `__init__`
            # (0.4 us each), and argument names are left to the worker (0.2 us).
            name = recipe.constant_name or ""
            if parent is not None:
                if recipe.nested != "child" and joins(parent, recipe, function, instance):
                    return None
                trace = parent.trace
                if trace.timed:
                    return self._begin_timed(trace, recipe, function, instance, args, kwargs)
                if trace.room is not None:
                    if trace.room <= 0:
                        return self._crowd(trace, parent, recipe, context)
                    trace.room -= 1
            elif self.tail is None or self.forced:
                trace = _new(Trace)
                trace.trace_id = _bits(128) or new_trace_id()
                trace.name = name
                if recipe.room is not None:
                    trace.room = recipe.room
            else:
                begun = self.tail.begin(recipe, trace_id := _bits(128) or new_trace_id())
                if begun is None:
                    return self._leave_out(self.tail, trace_id, recipe, context, function, instance, args, kwargs)
                trace = begun
                trace.name, trace.room = name, recipe.room
            span: Span = _new(Span)
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
                span.context = copied_context = Context(context)
                _put(copied_context, SPAN_KEY, span)  # as `with_span` does
            if recipe.capture_input and trace.payload:
                copied = flat_copy(args, recipe.limits)
                if copied is not None and (not kwargs or is_flat(kwargs, recipe.limits)):
                    span.arguments = copied
                    if kwargs:
                        span.keywords = kwargs
                else:
                    span.input = snapshot(recipe.bind(args, kwargs), recipe.limits)
            self.open[span_id] = span
            span.start = start = _clock()
            if parent is None:
                trace.offset = _wall_clock() - start
                if trace.held is not None:
                    trace.held.root_id = span_id
            return span
        except Exception as exc:
            contain("begin", exc)
            return None

    def _begin(
        self,
        recipe: Recipe,
        function: Any,
        instance: Any,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        context: Context,
    ) -> Recording | None:
        above = context.get(SPAN_KEY)
        parent: Span | None = None
        trace: Trace | None = None
        parent_id: int | None = None
        foreign: SpanContext | None = None
        if above is not None:
            if type(above) is Span:
                parent = above
            elif above is SUPPRESSED:
                return None
            elif type(above) is Unrecorded:
                if not recipe.root:
                    return self._count(above, recipe, function, instance, args, kwargs, context)
            else:
                parent, trace, parent_id, foreign = self._foreign(above, context.get(OWN_KEY))
        if parent is not None:
            if foreign is None:
                foreign = parent.foreign
            trace = parent.trace
            if parent.waiting_for is not None and parent.waiting_for is function:
                return self._adopt(parent, recipe, instance, args, kwargs)
            parent_id = parent.span_id
            if recipe.nested != "child" and joins(parent, recipe, function, instance):
                return None
        weight = 1.0
        told = trace if parent is None else None  # a trace that was begun elsewhere
        if trace is None or (recipe.root and parent is not None) or (told and self.tail and self._is_new(told)):
            if recipe.condition is not None and not recipe.condition.holds(
                CallScope(recipe.function, instance, args, recipe.bind(args, kwargs))
            ):
                return None
            started = self._start_trace(recipe, parent, told, function, instance, args, kwargs, context)
            if type(started) is not Trace:
                return cast(Unrecorded, started)
            trace = started
            parent, parent_id = None, parent_id if told is not None else None
        else:
            if recipe.sample < 1.0 or recipe.rate is not None:
                thinned = self._thin(recipe)
                if thinned is None:
                    return Crowded(context, above, recipe, None)
                weight = thinned
            if parent is None and self._is_new(trace):
                trace.room = recipe.room
            elif trace.room is not None:
                if trace.room <= 0:
                    return self._crowd(trace, above, recipe, context)
                trace.room -= 1
        bound = scope = None
        if recipe.needs_scope:
            bound = recipe.bind(args, kwargs)
            scope = CallScope(recipe.function, instance, args, bound)
            if recipe.condition is not None and not recipe.condition.holds(scope):
                return None
        elif recipe.capture_input:
            bound = recipe.bind(args, kwargs)
        span = Span(self, trace, new_span_id(), parent, parent_id)
        span.recipe = recipe
        span.weight *= weight
        span.function = function
        span.instance_id = id(instance)
        span.context = with_own_span(context, span) if recipe.library else with_span(context, span)
        span.library = recipe.library
        span.foreign = foreign
        span.scope = scope
        outcome.begin_record(span, recipe, scope, bound)
        if recipe.delegate is not None:
            span.waiting_for = recipe.delegate(instance)
        if span.type == "generation":
            demote_inner_generation(span)
        if not trace.name:
            trace.name = span.name
        if parent is None and trace.held is not None:
            trace.held.root_id = span.span_id
        self.open[span.span_id] = span
        return span

    def finish(self, span: Span, result: Any) -> None:
        """Record a result and let the span go."""
        recipe, trace = span.recipe, span.trace
        if trace.timed:
            self._finish_timed(span, result)
            return
        try:
            if not recipe.is_plain:
                if not span.settled:
                    outcome.end_record(span, recipe, span.scope, result)
            elif recipe.capture_output and result is not None and trace.payload:
                span.output = snapshot(result, recipe.limits)
        except Exception as exc:
            contain("finish", exc)
        if self.observers or not recipe.is_plain or span.dropped is not None:
            self._close(span)
            return
        # The common end of `_close`, without its calls.
        self.open.pop(span.span_id, None)
        taken = span.stop - span.start  # type: ignore[operator]
        recipe.count(taken if span.level != "ERROR" else ~taken)
        if not taken & LOOK_AT:
            recipe.tally.relieve()
        parent = span.parent
        span.release()
        if parent is not None:
            parent.kept_child = True
        else:
            self._end_trace(span)
        try:
            if trace.held is None:
                self.emit(span)
            else:
                trace.held.add(span)
                if parent is None:
                    self._decide(span)
        except Exception as exc:
            contain("emit", exc)

    def fail(self, span: Span, exc: BaseException) -> None:
        """Record what was raised and let the span go."""
        try:
            outcome.error_record(span, span.recipe, span.scope, exc)
        except Exception as error:
            contain("fail", error)
        finally:
            self._close(span)  # also where the stack is too full to contain a failure

    def abandon(self, span: Span, reason: str) -> None:
        """Record that a stream was not read to its end, and let the span go."""
        span.metadata["outcome"] = reason
        self._close(span)

    def discard(self, span: Span) -> None:
        """Forget a span whose call never began: a context manager that was not entered."""
        self.open.pop(span.span_id, None)
        span.release()

    def describe_error(self, span: Span, exc: BaseException) -> None:
        """Write an exception onto a span that goes on."""
        try:
            outcome.describe_error(span, exc)
        except Exception as error:
            contain("describe_error", error)

    def _close(self, span: Span) -> None:
        self.open.pop(span.span_id, None)
        if self.observers:
            self._observe(span)
        parent, recipe, held = span.parent, span.recipe, span.trace.held
        taken = (span.stop or span.start) - span.start
        recipe.count(taken if span.level != "ERROR" else ~taken)
        if not taken & LOOK_AT:
            recipe.tally.relieve()
        span.release()
        if parent is None:
            self._end_trace(span)
        if span.dropped is None and (
            recipe.min_duration
            and span.stop is not None
            and span.stop - span.start < recipe.min_duration
            and not span.kept_child
            and span.level != "ERROR"
        ):
            span.dropped = "min_duration"
        elif span.dropped is None and parent is not None:
            parent.kept_child = True
        try:
            if held is None:
                self.emit(span)
            else:
                held.add(span)
                if parent is None:
                    self._decide(span)
        except Exception as exc:
            contain("emit", exc)

    def _decide(self, root: Span) -> None:
        held = root.trace.held
        if held is not None and held.root_id == root.span_id:
            held.tail.end(root)

    def _end_trace(self, root: Span) -> None:
        trace = root.trace
        trace.ended = True
        if self.traces:
            self.traces.pop(trace.trace_id, None)
        crowd, trace.crowd = trace.crowd, None
        if crowd is not None:
            try:
                span = Span(self, trace, new_span_id(), None, root.span_id)
                span.recipe = root.recipe
                span.app_root = False
                span.stop = root.stop
                crowd.describe(span)
                if trace.held is None:
                    self.emit(span)
                else:
                    trace.held.add(span)
            except Exception as exc:
                contain("emit", exc)

    @staticmethod
    def _is_new(trace: Trace) -> bool:
        """Tell whether a trace that was begun elsewhere has no span here yet."""
        return not trace.name and trace.held is None

    def _crowd(self, trace: Trace, above: Any, recipe: Recipe, context: Context) -> Crowded:
        next(self._left_out)
        if trace.crowd is None:
            trace.crowd = Crowd(_clock())
        trace.crowd.add(recipe.constant_name or recipe.function)
        return Crowded(context, above, recipe, trace.crowd)

    def _observe(self, span: Span) -> None:
        for observer in tuple(self.observers):
            try:
                observer(span)
            except Exception as exc:
                contain("observer", exc)

    def _start_trace(
        self,
        recipe: Recipe,
        linked: Span | None,
        told: Trace | None,
        function: Any,
        instance: Any,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        context: Context,
    ) -> Any:
        """Begin a trace, or the part of one that was begun elsewhere.

        Args:
            linked: the span within which it begins.
            told: the trace that was begun elsewhere.

        Returns:
            The trace, or what begins that is only counted.
        """
        probability = recipe.sample if recipe.rate is None else recipe.rate.probability()
        if probability <= 0.0 and told is None:
            next(self._left_out)
            return make_unrecorded(recipe, context, UNSAMPLED, function, instance, args, kwargs)
        trace_id = new_trace_id() if told is None else told.trace_id
        tail = None if self.forced else self.tail
        if tail is not None:
            trace = self._begin_sampled(tail, recipe, trace_id, probability, told, instance, args, kwargs)
            if trace is None:
                return self._leave_out(tail, trace_id, recipe, context, function, instance, args, kwargs, told)
        elif told is not None:
            return told
        elif probability < 1.0 and not self.forced and not keeps(trace_id, probability):
            next(self._left_out)
            return make_unrecorded(recipe, context, UNSAMPLED, function, instance, args, kwargs)
        else:
            trace = Trace(trace_id, 1.0 if self.forced else 1.0 / probability)
        trace.room = recipe.room
        if told is not None:
            trace.state = told.state
        elif linked is not None and linked.trace.session is not None:
            trace.session = linked.trace.session
        return trace

    def _begin_sampled(
        self,
        tail: Tail,
        recipe: Recipe,
        trace_id: int,
        share: float,
        told: Trace | None,
        instance: Any,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> Trace | None:
        critical = recipe.critical is not None and recipe.critical.holds(
            CallScope(recipe.function, instance, args, recipe.bind(args, kwargs))
        )
        if told is None:
            return tail.begin(recipe, trace_id, share=share, critical=critical)
        random, least = read_state(told.state.get("ot") if told.state else None)
        return tail.begin(
            recipe, trace_id, random=random, share=share, critical=critical, sampled=told.sampled, told=least
        )

    def _leave_out(
        self,
        tail: Tail,
        trace_id: int,
        recipe: Recipe,
        context: Context,
        function: Any,
        instance: Any,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        told: Trace | None = None,
    ) -> Unrecorded:
        """Begin a trace whose calls are only counted."""
        made = make_unrecorded(recipe, context, None, function, instance, args, kwargs)
        made.tail, made.trace_id, made.random = tail, trace_id, trace_id & MASK
        made.recorded = tail.controller.plan.record
        if told is not None:
            made.state = told.state
            random, _ = read_state(told.state.get("ot") if told.state else None)
            made.random = made.random if random is None else random
        return made

    def _count(
        self,
        above: Unrecorded,
        recipe: Recipe,
        function: Any,
        instance: Any,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        context: Context,
    ) -> Any:
        """Begin to count a call within a trace that is not recorded."""
        parent: Any = above
        if recipe.nested != "child" and joins(parent, recipe, function, instance):
            return None
        if recipe.condition is not None and not recipe.condition.holds(
            CallScope(recipe.function, instance, args, recipe.bind(args, kwargs))
        ):
            return None
        return make_unrecorded(recipe, context, above, function, instance, args, kwargs)

    def count_failure(
        self,
        recipe: Recipe,
        function: Any,
        instance: Any,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        start: int,
        exc: BaseException,
    ) -> None:
        """Count a call that `begin` has answered `COUNTED` or `LEFT_OUT`, and that has raised."""
        stop = _clock()
        try:
            context = current()
            above = context.get(SPAN_KEY)
            call = make_unrecorded(
                recipe, context, above if type(above) is Unrecorded else UNSAMPLED, function, instance, args, kwargs
            )
            call.start, call.stop = start, stop
            call.fail(exc)
        except Exception as error:
            contain("fail", error)

    def begin_later(
        self, recipe: Recipe, function: Any, instance: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Recording | None:
        """Do as `begin` does, for advice that leaves the counting to what this returns."""
        recording: Any = self.begin(recipe, function, instance, args, kwargs)
        if recording is COUNTED or recording is LEFT_OUT:
            context = current()
            above = context.get(SPAN_KEY)
            recording = make_unrecorded(
                recipe, context, above if type(above) is Unrecorded else UNSAMPLED, function, instance, args, kwargs
            )
        return cast("Recording | None", recording)

    def _begin_timed(self, trace: Trace, *call: Any) -> Any:
        """Measure what beginning a span takes."""
        trace.timed = False
        start = _cpu_clock()
        begun = self.begin(*call)
        trace.spent += _cpu_clock() - start
        trace.timed = True
        return begun

    def _finish_timed(self, span: Span, result: Any) -> None:
        """Measure what ending a span takes."""
        trace = span.trace
        trace.timed = False
        start = _cpu_clock()
        self.finish(span, result)
        trace.spent += _cpu_clock() - start
        trace.timed = True

    def _thin(self, recipe: Recipe) -> float | None:
        """Decide on one span within a kept trace; returns its weight, None if it is left out."""
        probability = recipe.sample if recipe.rate is None else recipe.rate.probability()
        if probability <= 0.0 or not (self.forced or keeps(new_span_id(), probability)):
            next(self._left_out)
            return None
        return 1.0 if self.forced else 1.0 / probability

    def _foreign(self, above: Any, own: Any) -> tuple[Span | None, Trace | None, int | None, SpanContext | None]:
        """Place a span that another library made current: a copy of ours, one below ours, or one from elsewhere.

        Args:
            own: our span that was current when it was made, if there was one.
        """
        context = above.get_span_context()
        if not context.is_valid:
            return None, None, None, None
        ours = self.open.get(context.span_id)
        if ours is not None:
            return ours, ours.trace, context.span_id, None
        trace = self.traces.get(context.trace_id)
        if trace is None and own is not None and own.library and own.stop is None and not context.is_remote:
            return own, own.trace, own.span_id, context  # a root only because it could not see ours
        if trace is None and self.tail is not None:
            trace = self.tail.follow(context.trace_id)
        if trace is None:
            trace = Trace(context.trace_id)
            trace.state = context.trace_state
            trace.sampled = bool(context.trace_flags & TraceFlags.SAMPLED) if context.is_remote else None
        return None, trace, context.span_id, context

    def _adopt(
        self, span: Span, recipe: Recipe, instance: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Adoption | None:
        span.waiting_for = None
        bound = recipe.bind(args, kwargs)
        scope = CallScope(recipe.function, instance, args, bound)
        if recipe.condition is not None and not recipe.condition.holds(scope):
            return None
        if recipe.sample <= 0.0:
            span.dropped = "sampled"
        outcome.begin_record(span, recipe, scope, bound)
        return Adoption(span, recipe, scope)
