"""One request that a server is given: below which span it came, its own span, its status, and when it was answered."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from contextvars import ContextVar, Token
from typing import Any

from opentelemetry.trace import NonRecordingSpan, SpanContext

from tracing_proxies import runtime
from tracing_proxies.errors import Place
from tracing_proxies.recording.context import SPAN_KEY, SUPPRESSED, attach, current, detach, with_span
from tracing_proxies.recording.failure import is_failure
from tracing_proxies.recording.propagation import context_of
from tracing_proxies.recording.recipe import Recipe
from tracing_proxies.recording.span import Span
from tracing_proxies.recording.unrecorded import Unrecorded
from tracing_proxies.registry.model import Rule, Settings
from tracing_proxies.registry.policy import Policy
from tracing_proxies.weaving.stream import ABANDONED

# Not in OpenTelemetry's context: its own middleware puts an empty one in the place of what was current.
_served: ContextVar[Served | None] = ContextVar("tracing_proxies_served", default=None)
_LONGEST_PATH = 1024
_SERVER_ERROR = 500


class Served:
    """A request with a span of its own, from its arrival to the end of its response.

    Attributes:
        origin: the scope or environ that it came with; None when it has ended.
        stopped: when the response was complete, in nanoseconds; None as long as it is not.
    """

    __slots__ = ("_mounted", "method", "open", "origin", "span", "status", "stopped")

    def __init__(self, origin: Any, span: Span | Unrecorded, method: str) -> None:
        self.origin = origin
        self.span = span
        self.method = method
        self.status: int | None = None
        self.stopped: int | None = None
        self.open = True
        self._mounted = ""

    def enter(self) -> Token[Served | None]:
        """Have this request known to what its application calls; returns the token for ``leave``."""
        return _served.set(self)

    def leave(self, token: Token[Served | None]) -> None:
        """Restore what was known before; a token of another context has nothing to restore here."""
        try:
            _served.reset(token)
        except ValueError:
            return

    def name_route(self, template: str) -> None:
        """Name the span after the route that serves the request, in place of its path."""
        if self.open and type(self.span) is Span:
            _rename(self.span, f"{self.method} {self._mounted}{template}")

    def name_mount(self, template: str) -> None:
        """Name the span after where the application that serves the request is mounted, for its routes to go on."""
        self._mounted += template
        self.name_route("/{path}")

    def answered(self) -> None:
        """End the span, since the response is complete, whatever the application does afterwards.

        Where it answers with a fault of its own, the exception behind it may be still to come, so the span waits for
        that; it lasts until now all the same.
        """
        if self.stopped is None:
            self.stopped = time.perf_counter_ns()
        if not self._broken:
            self.end()

    def end(self, exc: BaseException | None = None) -> None:
        """End the span, once, with what was raised, if anything was."""
        if not self.open:
            return
        self.open, self.origin = False, None  # contexts that were copied below may live much longer
        span, stopped = self.span, self.stopped
        if span.stop is not None:
            return
        span.stop = stopped if stopped is not None else time.perf_counter_ns()
        if self.status is not None and type(span) is Span:
            span.metadata["http.status_code"] = self.status
        if self._broken and type(span) is Span and span.level != "ERROR":
            span.level, span.status_message = "ERROR", f"status {self.status}"
        if type(span) is Unrecorded:
            span.conclude(self._broken or (exc is not None and is_failure(exc)))
            return
        if exc is None:
            span.recorder.finish(span, None)
        elif isinstance(exc, GeneratorExit):
            span.recorder.abandon(span, ABANDONED)
        else:
            span.recorder.fail(span, exc)

    def drop(self, left: int) -> None:
        """End the span of a response that nobody holds any more before its end, as of its last step."""
        if self.open:
            self.stopped = left
            self.end(GeneratorExit())

    @property
    def _broken(self) -> bool:
        return self.status is not None and self.status >= _SERVER_ERROR


def begin_served(
    origin: Any, is_same: Callable[[Any], bool], method: str, path: str, parent: SpanContext | None
) -> Served | None:
    """Start the span of a request.

    Args:
        origin: the scope or environ that it came with.
        is_same: tells by another request's origin whether it is this very one, handed on from layer to layer.
        parent: where the request came from, as it said.

    Returns:
        The request; None if nothing is traced, or this request is already.
    """
    active = runtime._runtime
    context = current()
    above: Any = context.get(SPAN_KEY)
    outer = _served.get()
    if active is None or not active.on or above is SUPPRESSED:
        return None
    if outer is not None and outer.open and is_same(outer.origin):
        return None
    if parent is not None and (above is None or context_of(above).trace_id != parent.trace_id):
        # Else the current span is of the same trace: another layer of this request, or its client in this process.
        context = with_span(context, NonRecordingSpan(parent))
    token = attach(context)
    try:
        span: Any = active.recorder.begin_later(_recipe(), begin_served, None, (), {})
    finally:
        detach(token)
    if type(span) is Unrecorded:
        return Served(origin, span, method)
    if type(span) is not Span:
        return None
    _rename(span, f"{method} {path[:_LONGEST_PATH]}")
    span.metadata["http.method"] = method
    span.metadata["url.path"] = path[:_LONGEST_PATH]
    return Served(origin, span, method)


def being_served() -> Served | None:
    """Return the innermost request that is being served here, if any."""
    return _served.get()


def _rename(span: Span, name: str) -> None:
    trace = span.trace
    if trace.name == span.name:
        trace.name = name
    span.name = name


@functools.cache
def _recipe() -> Recipe:
    """Make what is done for each request: no rule names it, and neither headers nor bodies are recorded."""
    rule = Rule((), (), (), Place("http.yaml", 1, 1), -1, Settings(), preset="http")
    policy = Policy(rule, (rule,), capture_input=False, capture_output=False, nested="child")
    return Recipe(policy, begin_served, "request", bound=False)
