"""Places the spans of OpenTelemetry's SDK among ours, from their start to their end.

While such a span is open, it stands in the recorder under its id, so that what begins below it, theirs or ours, finds
it there. One that its SDK will not send stands for the span above it: what is below is not orphaned.
"""

from __future__ import annotations

import copy
import time
import weakref
from collections import OrderedDict
from typing import Any, Final, cast

from opentelemetry.trace import TraceFlags

from tracing_proxies.langfuse.adoption_span import SDK_SCOPE, AdoptedSpan
from tracing_proxies.recording.context import SPAN_KEY, current
from tracing_proxies.recording.recipe import Recipe
from tracing_proxies.recording.recorder import Recorder
from tracing_proxies.recording.room import Crowd
from tracing_proxies.recording.span import Span
from tracing_proxies.recording.tally import Tally
from tracing_proxies.recording.trace import RANDOM_TRACE_ID, Trace
from tracing_proxies.recording.unrecorded import Unrecorded
from tracing_proxies.registry.policy import Policy
from tracing_proxies.sampling.rule import read_state

_MOST_TAKEN: Final = 4_096


class Nesting:
    """Begins and ends adopted spans.

    Args:
        recorder: which they become part of.

    Attributes:
        quoted: whether the SDK writes each value of metadata as JSON text.
        room: how many spans a trace may have that begins with one of these; None for any number.
        adopted: how many spans have been taken over.
        left_out: how many were part of traces that are not recorded.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._recipe = Recipe(Policy(rule=cast(Any, None), chain=()), _adopted, "adopted", bound=False, tally=Tally())
        self._recipe.is_plain = False
        # By span id: our stand-in, the span above one that will not be sent, or None for what is not recorded.
        self._open: dict[int, Span | None] = {}
        self._native: dict[int, weakref.ref[Any]] = {}
        self._taken: OrderedDict[tuple[int, int], None] = OrderedDict()
        self.quoted = False
        self.room: int | None = None
        self.adopted = 0
        self.left_out = 0

    def begin(self, native: Any, parent_context: Any, *, sent: bool) -> None:
        """Give a span that has started its place.

        Args:
            native: the span.
            parent_context: the OpenTelemetry context that it was started in, None for the current one.
            sent: whether its SDK means to send it.
        """
        ids = native.get_span_context()
        if ids.span_id in self._open:
            return  # another processor on the same provider
        above = (current() if parent_context is None else parent_context).get(SPAN_KEY)
        parent = self._find(above, native)
        if parent is not None and parent.trace.trace_id != ids.trace_id:
            parent = None
        if type(above) is Unrecorded or self._is_left_out(native):
            self._open[ids.span_id] = None
        elif not sent:
            if parent is None:
                return
            self._open[ids.span_id] = self._recorder.open[ids.span_id] = parent
        else:
            self._open[ids.span_id] = begun = self._place(native, parent)
            if begun is not None:
                begun.note_trace(native.attributes or {})
                self._recorder.open[ids.span_id] = begun
        self._native[ids.span_id] = weakref.ref(native, lambda _: self._lose(ids.span_id))

    def end(self, native: Any, exporter: Any) -> None:
        """Take over a span that has ended and would be sent.

        Args:
            native: OpenTelemetry's ``ReadableSpan``.
            exporter: of the SDK; what it changes in spans before it sends them is changed here as well.
        """
        ids = native.context
        known = ids.span_id in self._open
        if not known and (ids.trace_id, ids.span_id) in self._taken:
            return  # another processor on the same provider
        begun = self._remove(ids.span_id)
        self._taken[ids.trace_id, ids.span_id] = None
        if len(self._taken) > _MOST_TAKEN:
            self._taken.popitem(last=False)
        if not known or (begun is not None and begun.span_id != ids.span_id):
            # It had begun before we were there, or is sent against expectation.
            begun = self._place(native, begun or self._find(None, native))
        if not isinstance(begun, AdoptedSpan):
            self.left_out += 1
            next(self._recorder.skipped)
            return
        told = _as_exported(native, exporter)
        if told is None:
            self._drop(begun)
            return
        begun.take(native, told, quoted=self.quoted)
        self.adopted += 1
        self._recorder._close(begun)

    def forget(self, native: Any) -> None:
        """Let go of a span that has ended, if its SDK has not sent it."""
        begun = self._remove(native.context.span_id)
        if isinstance(begun, AdoptedSpan) and begun.span_id == native.context.span_id:
            self._drop(begun)

    def _find(self, above: Any, native: Any) -> Span | None:
        """Find the recorded span that a span stands below."""
        if type(above) is Span:
            return above if above.stop is None else None
        parent = native.parent
        return None if parent is None else self._recorder.open.get(parent.span_id)

    def _is_left_out(self, native: Any) -> bool:
        parent = native.parent
        return parent is not None and self._open.get(parent.span_id, self) is None

    def _place(self, native: Any, parent: Span | None) -> AdoptedSpan | None:
        recorder, ids = self._recorder, native.context
        above = native.parent
        if parent is not None:
            trace = parent.trace
            if trace.room is not None:
                if trace.room <= 0:
                    if trace.crowd is None:
                        trace.crowd = Crowd(time.perf_counter_ns())
                    trace.crowd.add(native.name)
                    return None
                trace.room -= 1
            return AdoptedSpan(recorder, trace, ids.span_id, parent, parent.span_id, self._recipe)
        found = self._trace(native)
        if found is None:
            return None
        return AdoptedSpan(recorder, found, ids.span_id, None, None if above is None else above.span_id, self._recipe)

    def _trace(self, native: Any) -> Trace | None:
        """Find or begin the trace of a span without a recorded one above it; None if it is not recorded."""
        recorder, ids, above = self._recorder, native.context, native.parent
        found = recorder.traces.get(ids.trace_id)
        tail = None if recorder.forced else recorder.tail
        if found is None and tail is not None:
            found = tail.follow(ids.trace_id)
        if found is None:
            remote = above is not None and above.is_remote
            state = ids.trace_state if remote and ids.trace_state else None
            if tail is None:
                found = Trace(ids.trace_id)
            else:
                random, least = read_state(state.get("ot") if state else None)
                sampled = bool(above.trace_flags & TraceFlags.SAMPLED) if remote else None
                found = tail.begin(self._recipe, ids.trace_id, random=random, sampled=sampled, told=least)
                if found is None:
                    return None
            found.name, found.state, found.flags = native.name, state, ids.trace_flags & RANDOM_TRACE_ID
            found.room = None if self.room is None else max(0, self.room - 1)
            if found.held is not None:
                found.held.root_id = ids.span_id
            recorder.traces[ids.trace_id] = found
        return found

    def _remove(self, span_id: int) -> Span | None:
        self._native.pop(span_id, None)
        begun = self._open.pop(span_id, None)
        if begun is not None and self._recorder.open.get(span_id) is begun and begun.span_id != span_id:
            del self._recorder.open[span_id]
        return begun

    def _drop(self, begun: AdoptedSpan) -> None:
        begun.dropped = "not sent"
        begun.stop = begun.start
        self._recorder._close(begun)

    def _lose(self, span_id: int) -> None:
        """Forget a span that was never ended, when it is freed."""
        begun = self._remove(span_id)
        if isinstance(begun, AdoptedSpan) and begun.span_id == span_id:
            self._recorder.open.pop(span_id, None)
            if begun.parent is None:
                self._recorder.traces.pop(begun.trace.trace_id, None)


class _Collector:
    """Stands where an exporter sends, and keeps what it would."""

    def __init__(self) -> None:
        self.spans: list[Any] = []

    def export(self, spans: Any) -> None:
        """Keep the spans."""
        self.spans += spans


def _as_exported(native: Any, exporter: Any) -> Any:
    """Return the attributes that a span would be sent with, None if it would not be.

    Clients may have a function of their own that masks spans as they are sent (``mask_otel_spans``), and SDK 4 and 5
    replace media in the spans of other libraries. Both stand in an exporter around the one that sends.
    """
    masks = getattr(exporter, "_mask_otel_spans", None) is not None
    scope = native.instrumentation_scope
    if not masks and (not hasattr(exporter, "_media_manager") or (scope is not None and scope.name == SDK_SCOPE)):
        return native.attributes or {}
    collector = _Collector()
    twin = copy.copy(exporter)
    twin._exporter = collector
    twin.export([native])
    return (collector.spans[0].attributes or {}) if collector.spans else None


def _adopted() -> None:
    """Stand where other recipes have the function that is woven."""
