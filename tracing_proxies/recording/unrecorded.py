"""Calls of which only the count, the duration and whether they failed are recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace as api
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, INVALID_SPAN_CONTEXT, SpanContext, Status, StatusCode, TraceFlags

from tracing_proxies import clocks
from tracing_proxies.compiled import hot
from tracing_proxies.failures import contain
from tracing_proxies.recording.context import SPAN_KEY
from tracing_proxies.recording.failure import is_failure
from tracing_proxies.recording.fields import UnrecordedFields, new_unrecorded
from tracing_proxies.recording.scope import CallScope
from tracing_proxies.recording.stubs import end_unrecorded
from tracing_proxies.recording.tally import LOOK_AT

if TYPE_CHECKING:
    from tracing_proxies.recording.recipe import Recipe

_clock = clocks.perf_counter_ns
_RELEASED = Context()
TOLD: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("end", "set_attribute", "set_attributes", "add_event", "add_link", "update_name", "set_status")),
    "record_exception": None,
    "is_recording": False,
    "get_span_context": INVALID_SPAN_CONTEXT,
}
"""What a span is told and asked, and what one answers that is none."""


class Unrecorded(UnrecordedFields, api.NonRecordingSpan):
    """Stands as the current span within a trace that is not recorded, and as the recording of one of its calls.

    To others it is no span at all: those that they start below it are roots, or below what is around it, as untraced,
    and what they tell it reaches that.

    Attributes:
        root: the first call of its trace.
        parent: the call above, as long as this one is open.
        trace: what its stubs share; made with the first of them.
        trace_id: 128 bits; 0 where the rule says that nothing is ever recorded.
        random: the R of the sampling rule.
        refused: whether its errors have been denied a stub.
        flags: what the trace's say besides whether it is sampled.
        shared: whether it stands for all first calls that have no object of their own (0.1 us a call, where that takes
            0.6); its trace id stands beside it then.
        stop: when it ended, where that is not now.
        foreign: what the next span above it is that another library has made.
    """

    _context = INVALID_SPAN_CONTEXT

    @property
    def _around(self) -> api.Span:
        return INVALID_SPAN if self.foreign is None else self.foreign

    def get_span_context(self) -> SpanContext:
        return self._around.get_span_context()

    def is_recording(self) -> bool:
        return self._around.is_recording()

    def end(self, end_time: int | None = None) -> None:
        self._around.end(end_time)

    def set_attribute(self, key: str, value: Any) -> None:
        self._around.set_attribute(key, value)

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        self._around.set_attributes(attributes)

    def add_event(self, name: str, attributes: Any = None, timestamp: int | None = None) -> None:
        self._around.add_event(name, attributes, timestamp)

    def add_link(self, context: SpanContext, attributes: Any = None) -> None:
        self._around.add_link(context, attributes)

    def update_name(self, name: str) -> None:
        self._around.update_name(name)

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        self._around.set_status(status, description)

    def record_exception(
        self, exception: BaseException, attributes: Any = None, timestamp: int | None = None, escaped: bool = False
    ) -> None:
        self._around.record_exception(exception, attributes, timestamp, escaped)

    @classmethod
    def stand_in(cls, trace_id: int, random: int) -> Unrecorded:
        """Make what stands for the first call of such a trace in another process."""
        made: Unrecorded = new_unrecorded(cls)
        made.root, made.trace_id, made.random = made, trace_id, random
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle as what the application would hold untraced: Strands keeps what is current in its agents."""
        return api.NonRecordingSpan, (INVALID_SPAN_CONTEXT,)

    @property
    def span(self) -> Unrecorded:
        """What stands for it in a context."""
        return self

    def own_context(self) -> SpanContext:
        """Return the ids that other services are told: the trace's, not sampled."""
        if not self.root.trace_id:
            return INVALID_SPAN_CONTEXT
        return SpanContext(self.root.trace_id, self.root.stub_id, False, TraceFlags(self.root.flags), self.root.state)

    @property
    def stub_id(self) -> int:
        """The id of its stub, if it is the first call of its trace: the same in every process that asks."""
        return (self.trace_id & ((1 << 64) - 1)) or 1

    def finish_originally(self, result: Any) -> None:
        """Count the call; what it returned may be an error. The original of what may be compiled."""
        taken = (self.stop or _clock()) - self.start
        recipe = self.recipe
        failed, scope = False, None
        if recipe.error_when is not None:
            try:
                scope = self.scope()
                scope.result = result
                failed = recipe.error_when.holds(scope)
            except Exception as exc:
                contain("finish", exc)
        self._end(taken, failed, scope, None)

    finish = finish_originally

    def fail(self, exc: BaseException) -> None:
        """Count the call, and the error if it is one."""
        taken = (self.stop or _clock()) - self.start
        failed = is_failure(exc)
        self._end(taken, failed, None, exc if failed else None)

    def abandon(self, reason: str) -> None:
        """Count the call."""
        self._end((self.stop or _clock()) - self.start, False, None, None)

    def conclude(self, failed: bool) -> None:
        """Count the call, whose outcome is known otherwise."""
        self._end((self.stop or _clock()) - self.start, failed, None, None)

    def settle(self) -> None:
        """Leave the stub of a call that has been counted, if it is to have one."""
        tail = self.root.tail
        if tail is not None:
            end_unrecorded(tail, self, (self.stop or _clock()) - self.start, False, None, None)
        self._release()

    def scope(self) -> CallScope:
        """Return the call as capture paths see it."""
        recipe = self.recipe
        return CallScope(recipe.function, self.instance, self.args, recipe.bind(self.args, self.kwargs))

    def _end(self, taken: int, failed: bool, scope: CallScope | None, exc: BaseException | None) -> None:
        recipe = self.recipe
        recipe.count(~taken if failed else taken)
        if not self.start & LOOK_AT:
            recipe.tally.relieve()
        tail = self.root.tail
        if tail is not None and (failed or self.root is self):
            try:
                end_unrecorded(tail, self, taken, failed, scope, exc)
            except Exception as error:
                contain("stub", error)
        self._release()

    def _release(self) -> None:
        # Its context holds it, which is a cycle; and the arguments are the application's.
        self.context, self.parent, self.instance, self.args, self.kwargs = _RELEASED, None, None, (), {}


if not TYPE_CHECKING and hot is not None:
    Unrecorded.finish = hot.finish_unrecorded
    for _name, _answer in TOLD.items():
        _untraced = getattr(type(INVALID_SPAN), _name)
        _takes = _untraced.__code__.co_varnames[: _untraced.__code__.co_argcount]
        _least = len(_takes) - len(_untraced.__defaults__ or ())
        _method = hot.forward(getattr(Unrecorded, _name), _untraced, INVALID_SPAN, _answer, _takes, _least)
        setattr(Unrecorded, _name, _method)


def make_unrecorded(
    recipe: Recipe,
    context: Context,
    parent: Unrecorded | None,
    function: Any,
    instance: Any,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> Unrecorded:
    """Begin to count a call.

    Args:
        parent: the call above that is not recorded either; None for the first of its trace.
    """
    made: Unrecorded = new_unrecorded(Unrecorded)
    made.recipe = recipe
    made.function = function
    made.instance_id = id(instance)
    if parent is None:
        made.root = made
    else:
        made.root, made.parent = root_of(parent, context) if parent.shared else parent.root, parent
        made.foreign = parent.foreign
    if recipe.needs_scope:
        made.instance, made.args, made.kwargs = instance, args, kwargs
    if parent is not None and context.get(SPAN_KEY) is parent and needs_no_context(recipe):
        made.context = context
    else:
        copied = context.copy()  # as `with_span` does, without the call
        copied[SPAN_KEY] = made
        made.context = Context(copied)
    made.start = _clock()
    return made


def needs_no_context(recipe: Recipe) -> bool:
    """Tell whether nothing below a call that is only counted asks for that call: what is current above it does as well.

    A context for each step of a coroutine is more than half of what counting it costs.
    """
    return recipe.counts_alone and recipe.nested in ("child", "merge") and not recipe.tally.has_namesakes


UNSAMPLED: Final = Unrecorded.stand_in(0, 0)
"""Stands as the current span below a call whose rule says ``sample: never``: nothing there is recorded either."""


LEFT_OUT_CONTEXT: Final = Context({SPAN_KEY: UNSAMPLED})
"""What is current there, where nothing else is."""

ROOT_KEY: Final = "tracing-proxies-root"
"""Where the trace id and the recipe stand, below a first call that has no object of its own."""


def root_of(above: Unrecorded, context: Context) -> Unrecorded:
    """Return the first call of the trace that is current in a context.

    Args:
        above: what stands as the current span there.
    """
    if not above.shared or above.tail is None:
        return above.root
    return above.tail.materialise(*context[ROOT_KEY])  # type: ignore[misc]
