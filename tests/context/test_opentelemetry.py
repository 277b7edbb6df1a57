"""Spans of the application's own OpenTelemetry nest under ours, and ours under theirs, in one trace."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from opentelemetry import baggage, context
from opentelemetry import trace as otel
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanContext, TraceFlags, TraceState

from tests.context.conftest import assert_below, named, only
from tests.context.work import (
    entered,
    inner,
    inner_async,
    numbers,
    numbers_async,
    outer,
    outer_async,
    unsampled,
)
from tracing_proxies.testing import CapturedSpan


class Application:
    """An OpenTelemetry SDK as an application sets it up, with a provider that is not the global one."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = provider.get_tracer("application")

    def exported(self) -> dict[str, ReadableSpan]:
        return {span.name: span for span in self._exporter.get_finished_spans()}


@pytest.fixture
def application(caplog: pytest.LogCaptureFixture) -> Iterator[Application]:
    caplog.set_level(logging.INFO)
    yield Application()
    # OpenTelemetry logs a token that it cannot detach.
    assert [record.getMessage() for record in caplog.records] == []


def ids(span: Any) -> tuple[str, str, str | None]:
    """Return trace, span and parent of a span, whosever it is, in hexadecimal digits."""
    if isinstance(span, CapturedSpan):
        return span.trace_id, span.span_id, span.parent_id
    told, parent = span.get_span_context(), span.parent
    return f"{told.trace_id:032x}", f"{told.span_id:016x}", None if parent is None else f"{parent.span_id:016x}"


def assert_chain(*spans: Any) -> None:
    """Assert that each span is the parent of the next, in one trace that begins with the first."""
    described = [ids(span) for span in spans]
    assert {trace for trace, _, _ in described} == {described[0][0]}
    assert [parent for _, _, parent in described] == [None, *(span for _, span, _ in described[:-1])]


def test_their_span_is_below_ours_and_ours_below_theirs(spans: list[CapturedSpan], application: Application) -> None:
    def work() -> None:
        with application.tracer.start_as_current_span("theirs"):
            inner()

    outer(work)
    assert_chain(only(spans, "outer"), application.exported()["theirs"], only(spans, "inner"))


def test_a_trace_of_theirs_goes_on_in_ours(spans: list[CapturedSpan], application: Application) -> None:
    def work() -> None:
        with application.tracer.start_as_current_span("within"):
            inner()

    with application.tracer.start_as_current_span("first"):
        outer(work)
    exported = application.exported()
    assert_chain(exported["first"], only(spans, "outer"), exported["within"], only(spans, "inner"))


def test_several_layers_alternate(spans: list[CapturedSpan], application: Application) -> None:
    def work(depth: int) -> None:
        with application.tracer.start_as_current_span(f"theirs {depth}"):
            if depth:
                outer(work, depth - 1)

    outer(work, 3)
    exported, ours = application.exported(), named(spans, "outer")[::-1]
    theirs = [exported[f"theirs {depth}"] for depth in (3, 2, 1, 0)]
    assert_chain(*(span for pair in zip(ours, theirs, strict=True) for span in pair))


def test_what_their_span_and_ours_share_is_one_trace_with_one_name(
    spans: list[CapturedSpan], application: Application
) -> None:
    def work() -> None:
        otel.get_current_span().set_attribute("session.id", "s1")
        with application.tracer.start_as_current_span("theirs"):
            inner()

    outer(work)
    assert {(span.trace_name, span.session_id) for span in spans} == {("outer", "s1")}


def test_spans_that_are_not_made_current_are_below_as_well(spans: list[CapturedSpan], application: Application) -> None:
    def work() -> None:
        span = application.tracer.start_span("theirs")
        inner("beside")
        with otel.use_span(span, end_on_exit=True):
            inner("below")

    outer(work)
    theirs = application.exported()["theirs"]
    assert_chain(only(spans, "outer"), theirs)
    beside, below = named(spans, "inner")
    assert_chain(only(spans, "outer"), beside)
    assert_chain(only(spans, "outer"), theirs, below)


def test_coroutines_streams_and_managers_nest_like_calls(spans: list[CapturedSpan], application: Application) -> None:
    async def work() -> None:
        with application.tracer.start_as_current_span("around"):
            await inner_async("coroutine")
            for _ in numbers(2):
                pass
            async for _ in numbers_async(2):
                pass
            with entered("manager"), application.tracer.start_as_current_span("in manager"):
                inner("in manager")

    asyncio.run(outer_async(work))
    exported = application.exported()
    top, around = only(spans, "outer_async"), exported["around"]
    assert_chain(top, around)
    for name in ("numbers", "numbers_async", "entered"):
        assert_chain(top, around, only(spans, name))
    assert_chain(top, around, next(span for span in named(spans, "inner_async") if span.input["name"] == "coroutine"))
    inside = next(span for span in named(spans, "inner") if span.input["name"] == "in manager")
    assert_chain(top, around, only(spans, "entered"), exported["in manager"], inside)


def test_their_span_around_a_step_of_our_stream_is_its_consumers_alone(
    spans: list[CapturedSpan], application: Application
) -> None:
    def work() -> None:
        for number in numbers(2):
            with application.tracer.start_as_current_span(f"step {number}"):
                inner(f"in step {number}")

    outer(work)
    top = only(spans, "outer")
    for number in range(2):
        step = application.exported()[f"step {number}"]
        [inside] = (span for span in named(spans, "inner") if span.input["name"] == f"in step {number}")
        assert_chain(top, step, inside)
    assert_below([span for span in named(spans, "inner") if type(span.input["name"]) is int], only(spans, "numbers"))


def test_threads_and_tasks_take_their_span_and_ours_along(spans: list[CapturedSpan], application: Application) -> None:
    async def main() -> None:
        with application.tracer.start_as_current_span("theirs"):
            await asyncio.gather(inner_async("gathered"), asyncio.to_thread(inner, "to thread"))
            with ThreadPoolExecutor(1) as pool:
                pool.submit(inner, "pool").result()

    asyncio.run(outer_async(main))
    for span in [*named(spans, "inner"), *named(spans, "inner_async")]:
        assert_chain(only(spans, "outer_async"), application.exported()["theirs"], span)


def test_a_remote_parent_that_the_application_attaches_is_ours(spans: list[CapturedSpan]) -> None:
    told = SpanContext(5, 7, is_remote=True, trace_flags=TraceFlags(1), trace_state=TraceState([("a", "1")]))
    token = context.attach(otel.set_span_in_context(otel.NonRecordingSpan(told)))
    try:
        told_inside = outer(lambda: otel.get_current_span().get_span_context())
    finally:
        context.detach(token)
    assert ids(only(spans, "outer"))[::2] == (f"{5:032x}", f"{7:016x}")
    assert told_inside.trace_state.to_header() == "a=1"


def test_a_span_that_their_sampler_leaves_out_is_a_parent_all_the_same(spans: list[CapturedSpan]) -> None:
    tracer = TracerProvider(sampler=ALWAYS_OFF).get_tracer("application")

    def work() -> None:
        with tracer.start_as_current_span("left out"):
            inner()

    outer(work)
    top, below = only(spans, "outer"), only(spans, "inner")
    assert below.trace_id == top.trace_id


def test_below_a_call_that_sampling_leaves_out_theirs_start_a_trace_of_their_own(
    spans: list[CapturedSpan], application: Application
) -> None:
    def work() -> None:
        with application.tracer.start_as_current_span("theirs"):
            pass

    unsampled(work)
    assert spans == []
    assert application.exported()["theirs"].parent is None


def test_what_the_application_tells_the_current_span_reaches_ours(
    spans: list[CapturedSpan], application: Application
) -> None:
    def work() -> None:
        span = otel.get_current_span()
        span.set_attribute("mine", 1)
        span.add_event("happened", {"what": "it"})
        with application.tracer.start_as_current_span("theirs"):
            otel.get_current_span().set_attribute("theirs", 1)
        assert otel.get_current_span() is span
        assert span.is_recording()

    outer(work)
    metadata = only(spans, "outer").metadata
    assert (metadata["mine"], "theirs" in metadata) == (1, False)
    assert application.exported()["theirs"].attributes == {"theirs": 1}


def test_baggage_that_is_set_below_ours_stays_where_it_was_set(spans: list[CapturedSpan]) -> None:
    seen: list[Any] = []

    def work() -> None:
        token = context.attach(baggage.set_baggage("key", "value"))
        inner(seen.append(baggage.get_baggage("key")))
        context.detach(token)
        seen.append(baggage.get_baggage("key"))

    outer(work)
    seen.append(baggage.get_baggage("key"))
    assert seen == ["value", None, None]


def test_a_context_that_is_attached_and_never_detached_ends_with_the_call_that_attached_it(
    spans: list[CapturedSpan], application: Application
) -> None:
    def work() -> None:
        context.attach(otel.set_span_in_context(application.tracer.start_span("forgotten")))

    outer(work)
    outer(inner)
    assert only(spans, "inner").trace_id != spans[0].trace_id


def test_their_errors_are_theirs_and_ours_are_ours(spans: list[CapturedSpan], application: Application) -> None:
    def work() -> None:
        with application.tracer.start_as_current_span("theirs"):
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        outer(work)
    assert only(spans, "outer").status_message == "ValueError: broken"
    [event] = application.exported()["theirs"].events
    assert event.attributes is not None
    assert event.attributes["exception.message"] == "broken"
