"""Our span: an OpenTelemetry API span that keeps its own record, without any SDK."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from opentelemetry import trace as api
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, SpanContext, Status, StatusCode, TraceFlags

from tracing_proxies import clocks
from tracing_proxies.recording.capture import snapshot
from tracing_proxies.recording.fields import SpanFields
from tracing_proxies.recording.native import asks_for_itself, is_of_library
from tracing_proxies.recording.trace import Trace

if TYPE_CHECKING:
    from tracing_proxies.recording.recorder import Recorder

_clock = clocks.perf_counter_ns
RELEASED = Context()
_MAX_EVENTS = 32
_MAX_ATTRIBUTES = 128


class Span(SpanFields, api.Span):
    """One call on its way to becoming an observation.

    It is what `opentelemetry.trace.get_current_span()` returns inside of a traced call, so `set_attribute`,
    `update_name`, `set_status` and `record_exception` reach it, and also the span that they would reach untraced: the
    next one above that is not ours. To an installed library that is traced without a preset it is that other span.

    Attributes:
        start, stop: nanoseconds of the monotonic clock; ``stop`` is None while it is open.
        parent_id: 64 bits, None at the top of a trace.
        parent: the span above, as long as this one is open.
        waiting_for: the raw function whose own rule takes this span over when it is called (see ``adopt``).
        foreign: what the next span above it is that another library has made.
        arguments, keywords: what was passed, where it needed no copy; the worker gives it its names.
        settled: whether its result has been recorded by the call that took it over.
    """

    def __init__(
        self, recorder: Recorder, trace: Trace, span_id: int, parent: Span | None, parent_id: int | None
    ) -> None:
        self.recorder = recorder
        self.trace = trace
        self.span_id = span_id
        self.parent = parent
        self.parent_id = parent_id
        self.app_root = parent is None
        self.weight = trace.weight
        self.start = _clock()

    def release(self) -> None:
        """Let go of everything that only an open span needs; its context holds the span itself, which is a cycle."""
        self.parent = self.function = self.scope = self.waiting_for = None
        self.context = RELEASED

    def fail(self, exc: BaseException) -> None:
        """End the span with what its call raised."""
        if self.stop is None:
            self.stop = _clock()
            try:
                self.recorder.fail(self, exc)
            except RecursionError:  # the stack is full: no room to record it, nor for one more call
                self.recorder.open.pop(self.span_id, None)

    def abandon(self, reason: str) -> None:
        """End the span of a stream that was closed or dropped before it was exhausted."""
        if self.stop is None:
            self.stop = _clock()
            self.recorder.abandon(self, reason)

    def _is_out_of_sight(self) -> bool:
        """Tell whether the span above that is not ours is found instead: by a library, and below one that it made."""
        return bool(self.library) and (is_of_library(self.foreign) or asks_for_itself(self.library))

    def _instead(self) -> api.Span | None:
        """Return what takes our place for whoever asks, None where nothing does."""
        if not self._is_out_of_sight():
            return None
        return self._around

    @property
    def _around(self) -> api.Span:
        return INVALID_SPAN if self.foreign is None else self.foreign

    def _hears(self) -> bool:
        """Tell whether what is told is told of us; it reaches the span above that is not ours as well."""
        return self.stop is None and not self._is_out_of_sight()

    def get_span_context(self) -> SpanContext:
        other = self._instead()
        return self.own_context() if other is None else other.get_span_context()

    def own_context(self) -> SpanContext:
        """Return its ids whoever asks; ``get_span_context`` may hide them from the library that it is a call of."""
        if self.stop is None and not self.trace.ended:
            self.recorder.traces[self.trace.trace_id] = self.trace  # somebody else's spans may come below
        flags = TraceFlags(TraceFlags.SAMPLED | self.trace.flags)
        return SpanContext(self.trace.trace_id, self.span_id, False, flags, self.trace.state)

    def is_recording(self) -> bool:
        other = self._instead()
        return self.stop is None if other is None else other.is_recording()

    def end(self, end_time: int | None = None) -> None:
        """End only the span above that is not ours: this one ends with the call that it stands for."""
        self._around.end(end_time)

    def set_attribute(self, key: str, value: Any) -> None:
        if self._hears():
            self._note(key, value)
        self._around.set_attribute(key, value)

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        if self._hears():
            for key, value in attributes.items():
                self._note(key, value)
        self._around.set_attributes(attributes)

    def _note(self, key: str, value: Any) -> None:
        if type(key) is str and len(self.metadata) < _MAX_ATTRIBUTES:
            if key == "session.id":
                self.trace.session = snapshot(value)
            elif key == "user.id":
                self.trace.user = snapshot(value)
            else:
                self.metadata[key.removeprefix("langfuse.observation.metadata.")] = snapshot(value)

    def add_event(self, name: str, attributes: Any = None, timestamp: int | None = None) -> None:
        if self._hears() and len(self.events) < _MAX_EVENTS:
            self.events = [*self.events, {"name": name, "attributes": snapshot(attributes)}]
        self._around.add_event(name, attributes, timestamp)

    def add_link(self, context: SpanContext, attributes: Any = None) -> None:
        """Link only the span above that is not ours: an observation has no links."""
        self._around.add_link(context, attributes)

    def update_name(self, name: str) -> None:
        if self._hears():
            self.name = name
        self._around.update_name(name)

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        if self._hears():
            self._take_status(status, description)
        self._around.set_status(status, description)

    def _take_status(self, status: Status | StatusCode, description: str | None) -> None:
        code, message = (
            (status.status_code, status.description) if isinstance(status, Status) else (status, description)
        )
        if code is StatusCode.ERROR:
            self.level = "ERROR"
            if message:
                self.status_message = message

    def record_exception(
        self, exception: BaseException, attributes: Any = None, timestamp: int | None = None, escaped: bool = False
    ) -> None:
        if self._hears():
            self.recorder.describe_error(self, exception)
        self._around.record_exception(exception, attributes, timestamp, escaped)
