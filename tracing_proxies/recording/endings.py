"""Ends spans: records what a call returned or raised, counts it, and hands the span on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from opentelemetry.context import Context

from tracing_proxies import clocks
from tracing_proxies.failures import contain
from tracing_proxies.recording import outcome
from tracing_proxies.recording.capture import snapshot
from tracing_proxies.recording.context import SPAN_KEY, current
from tracing_proxies.recording.ids import new_span_id
from tracing_proxies.recording.recipe import Recipe
from tracing_proxies.recording.routing import Reader, show
from tracing_proxies.recording.scope import CallScope
from tracing_proxies.recording.span import RELEASED, Span
from tracing_proxies.recording.tally import LOOK_AT
from tracing_proxies.recording.trace import Trace
from tracing_proxies.recording.unrecorded import ROOT_KEY, UNSAMPLED, Unrecorded, make_unrecorded, root_of

if TYPE_CHECKING:
    from tracing_proxies.recording.recorder import Recorder

_clock = clocks.perf_counter_ns
_cpu_clock = clocks.thread_time_ns


class Endings:
    """What ends spans, of those that ``Recorder`` has begun.

    Attributes:
        emit: takes each ended span, on the application's thread; it must be quick and never raise.
        observers: are shown each span as it ends, on the application's thread.
        readers: are shown each span of what is kept before it is masked, in the order of their ends, on the worker's
            thread; those that are left out of a trace of which the errors are kept as its first call ends.
        open: the spans that have not ended, by id.
        traces: those that others may begin spans below, by id.
        patience: how long recording may hold a call up, in nanoseconds.
        impatient: takes the recipe of a call that was held up for longer, and for how long.
    """

    __slots__ = ("emit", "impatient", "observers", "open", "patience", "readers", "traces")

    def __init__(self, emit: Callable[[Span], None]) -> None:
        self.emit = emit
        self.observers: list[Reader] = []
        self.readers: list[Reader] = []
        self.open: dict[int, Span] = {}
        self.traces: dict[int, Trace] = {}
        self.patience = 1 << 62
        self.impatient: Callable[[Recipe, int], None] = lambda recipe, taken: None

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
                self._mind(recipe, span)
            elif recipe.capture_output and result is not None and trace.payload:
                span.output = snapshot(result, recipe.limits)
                if _clock() - span.stop > self.patience:  # type: ignore[operator]
                    self._mind(recipe, span)
        except Exception as exc:
            contain("finish", exc)
        if self.observers or not recipe.is_plain or span.dropped is not None:
            self._close(span)
            return
        # The common end of `_close`, without its calls.
        self.open.pop(span.span_id, None)
        taken = span.stop - span.start  # type: ignore[operator]
        recipe.count(taken if span.level != "ERROR" else ~taken)
        if not span.start & LOOK_AT:
            recipe.tally.relieve()
        parent = span.parent
        span.parent = span.function = None  # as `release` does: a plain span has no more to let go of
        span.context = RELEASED
        if parent is not None:
            parent.kept_child = True
        elif self.traces or trace.crowd is not None:
            self._end_trace(span)
        else:
            trace.ended = True
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
        span.settled = False
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
            show(span, self.observers, "observer")
        parent, recipe, held = span.parent, span.recipe, span.trace.held
        taken = (span.stop or span.start) - span.start
        # The error of a call that has taken the span over has been counted where it belongs.
        recipe.count(~taken if span.level == "ERROR" and not span.settled else taken)
        if not span.start & LOOK_AT:
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
                span = Span(cast("Recorder", self), trace, new_span_id(), None, root.span_id)
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

    def end_counted(
        self,
        recipe: Recipe,
        function: Any,
        instance: Any,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        root: Context | None,
        start: int,
        stop: int,
        exc: BaseException | None,
    ) -> None:
        """End a call that advice has counted by itself, and that has failed or may leave a stub for another reason.

        Args:
            root: what was current below it, if it was the first of its trace.
            start, stop: nanoseconds of the monotonic clock.
            exc: what it has raised; None for one that has been counted.
        """
        try:
            context = current()
            if root is not None and ROOT_KEY in root:
                below: Any = root[SPAN_KEY]
                call = root_of(below, root)
                below.tail.roots.pop(call.trace_id, None)
                call.recipe, call.function, call.context = recipe, function, context
                call.instance, call.args, call.kwargs = instance, args, kwargs
            else:
                above = context.get(SPAN_KEY)
                parent = above if root is None and type(above) is Unrecorded else UNSAMPLED
                call = make_unrecorded(recipe, context, parent, function, instance, args, kwargs)
                call.instance, call.args, call.kwargs = instance, args, kwargs
            call.start, call.stop = start, stop
            if exc is not None:
                call.fail(exc)
            else:
                call.settle()
        except Exception as error:
            contain("fail", error)

    def end_judged(
        self,
        recipe: Recipe,
        function: Any,
        instance: Any,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        start: int,
        stop: int,
        result: Any,
    ) -> None:
        """Count a call below one that is not recorded either, and leave the stub of its error if it returned one."""
        try:
            # Nearly all results are no errors, and nearly all conditions look at nothing else.
            bound = recipe.bind(args, kwargs) if recipe.judges_call else {}
            scope = CallScope(recipe.function, instance, args, bound)
            scope.result = result
            if not recipe.error_when.holds(scope):  # type: ignore[union-attr]
                recipe.count(stop - start)
                if not start & LOOK_AT:
                    recipe.tally.relieve()
                return
            context = current()
            above = context.get(SPAN_KEY)
            parent = above if type(above) is Unrecorded else UNSAMPLED
            call = make_unrecorded(recipe, context, parent, function, instance, args, kwargs)
            call.start, call.stop = start, stop
            call.finish(result)
        except Exception as error:
            contain("finish", error)

    def _mind(self, recipe: Recipe, span: Span) -> None:
        """Say so if recording a result has taken longer than it may."""
        taken = _clock() - (span.stop or 0)
        if taken > self.patience and span.stop is not None:
            self.impatient(recipe, taken)

    def _finish_timed(self, span: Span, result: Any) -> None:
        """Measure what ending a span takes."""
        trace = span.trace
        trace.timed = False
        start = _cpu_clock()
        self.finish(span, result)
        trace.spent += _cpu_clock() - start
        trace.timed = True
