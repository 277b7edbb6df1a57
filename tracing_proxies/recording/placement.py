"""Finds the place of a call that is not the plain one: whose trace it belongs to, and whether that is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from opentelemetry import trace as api
from opentelemetry.context import Context
from opentelemetry.trace import SpanContext, TraceFlags

from tracing_proxies import clocks
from tracing_proxies.recording import outcome
from tracing_proxies.recording.context import OWN_KEY, SPAN_KEY, SUPPRESSED, with_own_span, with_span
from tracing_proxies.recording.handles import Adoption, Recording
from tracing_proxies.recording.ids import new_span_id, new_trace_id
from tracing_proxies.recording.nesting import demote_inner_generation, joins
from tracing_proxies.recording.recipe import Recipe
from tracing_proxies.recording.room import Crowd, Crowded
from tracing_proxies.recording.scope import CallScope
from tracing_proxies.recording.span import Span
from tracing_proxies.recording.tail import Tail
from tracing_proxies.recording.trace import RANDOM_TRACE_ID, Trace
from tracing_proxies.recording.unrecorded import UNSAMPLED, Unrecorded, make_unrecorded
from tracing_proxies.registry.fields import is_subtype
from tracing_proxies.sampling.rule import MASK, keeps, read_state

if TYPE_CHECKING:
    from tracing_proxies.recording.recorder import Recorder

_clock = clocks.perf_counter_ns


class Placement:
    """Places the calls of one recorder.

    Args:
        recorder: which it belongs to.
    """

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder

    def begin(
        self,
        recipe: Recipe,
        function: Any,
        instance: Any,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        context: Context,
        trace_id: int = 0,
    ) -> Recording | None:
        """Start a span for any call, or what only counts it; the arguments are those of ``Recorder.begin``."""
        above: Any = context.get(SPAN_KEY)
        parent: Span | None = None
        trace: Trace | None = None
        parent_id: int | None = None
        foreign: api.Span | None = None
        if above is not None:
            if type(above) is Span:
                parent = above
            elif above is SUPPRESSED:
                return None
            elif type(above) is Unrecorded:
                if not recipe.root:
                    return self._count(above, recipe, function, instance, args, kwargs, context)
                foreign = above.foreign
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
        if (
            trace is None
            or (recipe.root and parent is not None)
            or (told and self.recorder.tail and self._is_new(told))
        ):
            if recipe.condition is not None and not recipe.condition.holds(
                CallScope(recipe.function, instance, args, recipe.bind(args, kwargs))
            ):
                return None
            started = self._start_trace(recipe, parent, told, function, instance, args, kwargs, context, trace_id)
            if type(started) is not Trace:
                started.foreign = foreign
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
                    return self.crowd(trace, above, recipe, context)
                trace.room -= 1
        bound = scope = None
        if recipe.needs_scope:
            bound = recipe.bind(args, kwargs)
            scope = CallScope(recipe.function, instance, args, bound)
            if recipe.condition is not None and not recipe.condition.holds(scope):
                return None
        elif recipe.capture_input:
            bound = recipe.bind(args, kwargs)
        span = Span(self.recorder, trace, new_span_id(), parent, parent_id)
        span.recipe = recipe
        span.weight *= weight
        span.function = function
        span.instance_id = id(instance)
        span.context = with_own_span(context, span) if recipe.library else with_span(context, span)
        span.library = recipe.library
        span.foreign = foreign
        span.scope = scope
        outcome.begin_record(span, recipe, scope, bound)
        if scope is not None and not recipe.remembers:
            scope.forget()
        if recipe.delegate is not None:
            span.waiting_for = recipe.delegate(instance)
        if span.type == "generation":
            demote_inner_generation(span)
        if not trace.name:
            trace.name = span.name
        if parent is None and trace.held is not None:
            trace.held.root_id = span.span_id
        self.recorder.open[span.span_id] = span
        return span

    @staticmethod
    def _is_new(trace: Trace) -> bool:
        """Tell whether a trace that was begun elsewhere has no span here yet."""
        return not trace.name and trace.held is None

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
        trace_id: int,
    ) -> Any:
        """Begin a trace, or the part of one that was begun elsewhere.

        Args:
            linked: the span within which it begins.
            told: the trace that was begun elsewhere.
            trace_id: its id, where that has been drawn already.

        Returns:
            The trace, or what begins that is only counted.
        """
        probability = recipe.sample if recipe.rate is None else recipe.rate.probability()
        if probability <= 0.0 and told is None:
            next(self.recorder.skipped)
            return make_unrecorded(recipe, context, UNSAMPLED, function, instance, args, kwargs)
        trace_id = (trace_id or new_trace_id()) if told is None else told.trace_id
        tail = None if self.recorder.forced else self.recorder.tail
        if tail is not None:
            trace = self._begin_sampled(tail, recipe, trace_id, probability, told, instance, args, kwargs)
            if trace is None:
                return self.leave_out(tail, trace_id, recipe, context, function, instance, args, kwargs, told)
        elif told is not None:
            return told
        elif probability < 1.0 and not self.recorder.forced and not keeps(trace_id, probability):
            next(self.recorder.skipped)
            return make_unrecorded(recipe, context, UNSAMPLED, function, instance, args, kwargs)
        else:
            trace = Trace(trace_id, 1.0 if self.recorder.forced else 1.0 / probability)
        trace.room = recipe.room
        if told is not None:
            trace.state, trace.flags = told.state, told.flags
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

    def leave_out(
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
        if told is not None:
            made.state, made.flags = told.state, told.flags
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
    ) -> Unrecorded | None:
        """Begin to count a call within a trace that is not recorded."""
        parent: Any = above
        if recipe.nested != "child" and joins(parent, recipe, function, instance):
            return None
        if recipe.condition is not None and not recipe.condition.holds(
            CallScope(recipe.function, instance, args, recipe.bind(args, kwargs))
        ):
            return None
        return make_unrecorded(recipe, context, above, function, instance, args, kwargs)

    def _thin(self, recipe: Recipe) -> float | None:
        """Decide on one span within a kept trace; returns its weight, None if it is left out."""
        probability = recipe.sample if recipe.rate is None else recipe.rate.probability()
        if probability <= 0.0 or not (self.recorder.forced or keeps(new_span_id(), probability)):
            next(self.recorder.skipped)
            return None
        return 1.0 if self.recorder.forced else 1.0 / probability

    def _foreign(self, above: Any, own: Any) -> tuple[Span | None, Trace | None, int | None, api.Span | None]:
        """Place a span that another library made current: a copy of ours, one below ours, or one from elsewhere.

        Args:
            own: our span that was current when it was made, if there was one.
        """
        context = above.get_span_context()
        if not is_subtype(SpanContext, type(context)) or not context.is_valid:  # a mock says yes to everything
            return None, None, None, above
        ours = self.recorder.open.get(context.span_id)
        if ours is not None:
            return ours, ours.trace, context.span_id, None
        trace = self.recorder.traces.get(context.trace_id)
        if trace is None and own is not None and own.library and own.stop is None and not context.is_remote:
            return own, own.trace, own.span_id, above  # a root only because it could not see ours
        if trace is None and self.recorder.tail is not None:
            trace = self.recorder.tail.follow(context.trace_id)
        if trace is None:
            trace = Trace(context.trace_id)
            trace.state, trace.flags = context.trace_state, context.trace_flags & RANDOM_TRACE_ID
            trace.sampled = bool(context.trace_flags & TraceFlags.SAMPLED) if context.is_remote else None
        return None, trace, context.span_id, above

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
        if not recipe.remembers:
            scope.forget()
        return Adoption(span, recipe, scope)

    def crowd(self, trace: Trace, above: Any, recipe: Recipe, context: Context) -> Crowded:
        """Count a call that its trace has no room for."""
        next(self.recorder.skipped)
        if trace.crowd is None:
            trace.crowd = Crowd(_clock())
        trace.crowd.add(recipe.constant_name or recipe.function)
        return Crowded(context, above, recipe, trace.crowd)
