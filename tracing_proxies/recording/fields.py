"""What spans, traces and calls that are only counted carry, and the value that each has as long as nobody sets it.

Two ways to keep it: slots that are filled when the object is made, where the compiled part is there, and class
attributes beside an instance's dict, where it is not. Setting all of them in Python would cost 0.7 us a span.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from tracing_proxies import clocks
from tracing_proxies.compiled import hot
from tracing_proxies.recording.capture import snapshot

if TYPE_CHECKING:
    from opentelemetry import trace as api
    from opentelemetry.context import Context
    from opentelemetry.trace import TraceState

    from tracing_proxies.recording.held import Held
    from tracing_proxies.recording.recipe import Recipe
    from tracing_proxies.recording.recorder import Recorder
    from tracing_proxies.recording.room import Crowd
    from tracing_proxies.recording.scope import CallScope
    from tracing_proxies.recording.span import Span
    from tracing_proxies.recording.tail import Tail
    from tracing_proxies.recording.trace import Trace
    from tracing_proxies.recording.unrecorded import Unrecorded

_clock = clocks.perf_counter_ns


class SpanFields:
    """The fields of a span, as ``Span`` describes them."""

    context: Context
    recipe: Recipe
    recorder: Recorder
    trace: Trace
    span_id: int
    start: int
    scope: CallScope | None = None
    parent: Span | None = None
    parent_id: int | None = None
    app_root = True
    weight = 1.0
    arguments: tuple[Any, ...] | None = None
    keywords: Mapping[str, Any] | None = None
    _input: Any = None
    _metadata: dict[str, Any] | None = None
    name = ""
    type = "span"
    level = "DEFAULT"
    status_message: Any = None
    output: Any = None
    model: Any = None
    usage: dict[str, Any] | None = None
    stop: int | None = None
    dropped: str | None = None
    kept_child = False
    settled = False
    waiting_for: Any = None
    function: Any = None
    instance_id = 0
    prepared: Any = None
    events: Sequence[dict[str, Any]] = ()
    outer: Context | None = None
    foreign: api.Span | None = None
    library = ""

    @property
    def input(self) -> Any:
        """The copied arguments by name, or what the rule records in their place."""
        arguments, recipe = self.arguments, self.recipe
        if arguments is None:
            return self._input
        if self.keywords is None and recipe.names is not None and len(arguments) == len(recipe.names):
            return dict(zip(recipe.names, arguments, strict=True))
        bound = recipe.bind(arguments, self.keywords or {})
        return bound if recipe.has_flat_defaults else snapshot(bound, recipe.limits)

    @input.setter
    def input(self, value: Any) -> None:
        self._input, self.arguments, self.keywords = value, None, None

    @property
    def kept_input(self) -> Any:
        """What is kept of the input, which the compiled part need not make readable for it."""
        return self._input

    @property
    def kept_output(self) -> Any:
        """The same of the output."""
        return self.output

    @property
    def kept_metadata(self) -> Any:
        """The same of the metadata."""
        return self._metadata

    @property
    def metadata(self) -> dict[str, Any]:
        """What is recorded besides; made when it is first asked for."""
        if self._metadata is None:
            self._metadata = {}
        return self._metadata

    @property
    def has_metadata(self) -> bool:
        """Whether there is any."""
        return bool(self._metadata)

    def noted(self, key: str) -> Any:
        """Return one entry of the metadata, None if there is none; cheaper than asking for all of them."""
        return (self._metadata or {}).get(key)

    def finish(self, result: Any) -> None:
        """End the span with what its call returned; a second end changes nothing."""
        if self.stop is None:
            self.stop = _clock()
            self.recorder.finish(cast("Span", self), result)


class TraceFields:
    """The fields of a trace, as ``Trace`` describes them."""

    trace_id: int
    offset: int
    weight = 1.0
    name = ""
    ended = False
    session: Any = None
    user: Any = None
    tags: tuple[str, ...] = ()
    state: TraceState | None = None
    room: int | None = None
    crowd: Crowd | None = None
    payload = True
    held: Held | None = None
    flags = 0
    sampled: bool | None = None
    timed = False
    spent = 0


class UnrecordedFields:
    """The fields of what only counts a call, as ``Unrecorded`` describes them."""

    context: Context
    recipe: Recipe
    root: Unrecorded
    parent: Unrecorded | None = None
    tail: Tail | None = None
    trace: Trace | None = None
    trace_id = 0
    random = 0
    state: TraceState | None = None
    refused = False
    shared = False
    flags = 0
    stubs = 0
    function: Any = None
    instance: Any = None
    instance_id = 0
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = {}
    waiting_for: Any = None
    start = 0
    stop: int | None = None
    foreign: api.Span | None = None


new_span: Callable[[type[Span]], Span] = object.__new__
"""Makes a span without its ``__init__``, which costs 0.4 us; every field has its first value."""
new_trace: Callable[[type[Trace]], Trace] = object.__new__
"""The same for a trace."""
new_unrecorded: Callable[[type[Unrecorded]], Unrecorded] = object.__new__
"""The same for what only counts a call."""

if not TYPE_CHECKING and hot is not None:
    SpanFields, TraceFields, UnrecordedFields = hot.SpanFields, hot.TraceFields, hot.UnrecordedFields
    new_span, new_trace, new_unrecorded = SpanFields.__new__, TraceFields.__new__, UnrecordedFields.__new__
