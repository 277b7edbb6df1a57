"""What is told to the current span below a call that is not recorded comes to what it comes to untraced."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.trace import INVALID_SPAN, INVALID_SPAN_CONTEXT, NonRecordingSpan, SpanContext, StatusCode

from tracing_proxies.compiled import hot
from tracing_proxies.recording.fields import new_unrecorded
from tracing_proxies.recording.unrecorded import TOLD, Unrecorded

_NAMES = ("name", "key", "value", "attributes", "timestamp", "context", "exception", "status", "end_time", "other")
_VALUES: tuple[Any, ...] = (None, "told", 7, {"a": 1}, StatusCode.ERROR, INVALID_SPAN_CONTEXT, ValueError("no"))


class Around(NonRecordingSpan):
    """A span of the application's own, which keeps what it is told."""

    def __init__(self) -> None:
        super().__init__(SpanContext(7, 5, is_remote=False))
        self.told: list[str] = []


def _keeper(name: str) -> Any:
    def keep(self: Around, *args: Any, **kwargs: Any) -> None:
        self.told.append(name)

    return keep


for _name in TOLD:
    if _name != "get_span_context":
        setattr(Around, _name, _keeper(_name))


def _outcome(span: Any, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    try:
        return getattr(span, name)(*args, **kwargs)
    except TypeError:
        return TypeError


def _below(foreign: Any) -> Unrecorded:
    made: Unrecorded = new_unrecorded(Unrecorded)
    made.root = made
    made.foreign = foreign
    return made


@given(
    st.sampled_from(sorted(TOLD)),
    st.lists(st.sampled_from(_VALUES), max_size=9),
    st.dictionaries(st.sampled_from(_NAMES), st.sampled_from(_VALUES), max_size=3),
)
def test_each_method_takes_and_answers_what_it_does_untraced(
    name: str, args: list[Any], kwargs: dict[str, Any]
) -> None:
    assert _outcome(_below(None), name, args, kwargs) is _outcome(INVALID_SPAN, name, args, kwargs)


def test_a_span_around_is_told_all_of_it() -> None:
    around = Around()
    span = _below(around)
    span.end()
    span.set_attribute("a", 1)
    span.set_attributes({"a": 1})
    span.add_event("a", attributes={"b": 2})
    span.add_link(INVALID_SPAN_CONTEXT)
    span.update_name("a")
    span.set_status(StatusCode.ERROR)
    span.record_exception(ValueError("no"))
    span.is_recording()
    assert sorted(around.told) == sorted(name for name in TOLD if name != "get_span_context")
    assert span.get_span_context().trace_id == 7


@pytest.mark.skipif(hot is None, reason="a tracer sees all that is ours")
def test_a_profiler_sees_what_it_sees_untraced() -> None:
    def seen(span: Any) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        sys.setprofile(lambda frame, event, arg: found.append((event, frame.f_code.co_name)))
        try:
            span.add_event("a")
            span.is_recording()
        finally:
            sys.setprofile(None)
        return found

    assert seen(_below(None)) == seen(INVALID_SPAN)
