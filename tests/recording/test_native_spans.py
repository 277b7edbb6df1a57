"""A woven library's own OpenTelemetry spans and headers stay as untraced; the application's nest under ours."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from opentelemetry import trace as otel
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider

from tests.weaving.support import woven
from tracing_proxies.recording.native import installed_library

SOURCE = """
from opentelemetry import propagate, trace

tracer = None

def note():
    span = trace.get_current_span()
    span.set_attribute("one", 1)
    span.set_attributes({"two": 2})
    span.add_event("happened", {"what": "it"})
    span.add_link(trace.SpanContext(5, 7, True))
    span.update_name("renamed")
    span.record_exception(ValueError("no"))
    span.set_status(trace.StatusCode.ERROR, "not well")
    return span.is_recording(), span.get_span_context().span_id

def serve(work=None):
    with tracer.start_as_current_span("served"):
        return handle(work)

def handle(work=None):
    headers = {}
    propagate.inject(headers)
    return headers, work() if work else None
"""


class Ended(SpanProcessor):
    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)


@pytest.fixture
def ended() -> Ended:
    return Ended()


@pytest.fixture
def make(tmp_path: Path, monkeypatch: Any, ended: Ended) -> Iterator[Any]:
    provider = TracerProvider()
    provider.add_span_processor(ended)
    made = []

    def make(name: str, folder: str) -> Any:
        place = tmp_path / folder
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{name}.py").write_text(SOURCE)
        monkeypatch.syspath_prepend(str(place))
        module = importlib.import_module(name)
        module.tracer = provider.get_tracer(name)
        made.append(name)
        return module

    yield make
    for name in made:
        del sys.modules[name]
    installed_library.cache_clear()


def test_a_librarys_own_span_stays_a_root_and_sends_no_headers_of_ours(make: Any, ended: Ended) -> None:
    library = make("native_library", "lib/site-packages")
    with woven("native_library:*") as spans:
        headers, _ = library.handle()
        assert headers == {}
        served, _ = library.serve()
    [theirs] = ended.spans
    assert theirs.parent is None
    assert served["traceparent"].split("-")[1:3] == [
        f"{theirs.context.trace_id:032x}",
        f"{theirs.context.span_id:016x}",
    ]
    _, handle, serve = spans
    # Our own tree is whole all the same.
    assert (handle.parent_id, handle.trace) == (serve.span_id, serve.trace)


def test_what_the_application_makes_itself_nests_under_ours(make: Any, ended: Ended) -> None:
    application = make("native_application", "src")
    with woven("native_application:*") as spans:
        headers, _ = application.serve()
    handle, serve = spans
    [theirs] = ended.spans
    assert theirs.parent is not None
    assert theirs.parent.span_id == serve.span_id
    assert handle.parent_id == theirs.context.span_id
    assert headers["traceparent"].split("-")[2] == f"{handle.span_id:016x}"


def test_what_the_application_does_within_a_library_nests_under_the_librarys_call(make: Any, ended: Ended) -> None:
    library = make("native_library", "lib/site-packages")
    tracer = make("native_application", "src").tracer

    def work() -> None:
        with tracer.start_as_current_span("work"):
            assert otel.get_current_span().is_recording()

    with woven("native_library:*") as spans:
        library.handle(work)
    [span], [theirs] = spans, ended.spans
    assert theirs.parent is not None
    assert (theirs.parent.trace_id, theirs.parent.span_id) == (span.trace.trace_id, span.span_id)


def test_what_a_library_tells_the_span_around_its_call_reaches_that(make: Any, ended: Ended) -> None:
    library = make("native_library", "lib/site-packages")
    for traced in ("handle", "note"):
        with woven(f"native_library:{traced}") as spans:
            assert library.note() == (False, 0)
            with library.tracer.start_as_current_span("theirs") as theirs:
                assert library.note() == (True, theirs.get_span_context().span_id)
            assert [(span.name, span.metadata, list(span.events)) for span in spans] == (
                [] if traced == "handle" else [("note", {}, [])] * 2
            )
    for span in ended.spans:
        assert span.attributes == {"one": 1, "two": 2}
        assert [event.name for event in span.events] == ["happened", "exception"]
        assert [link.context.span_id for link in span.links] == [7]
        assert (span.name, span.status.description) == ("renamed", "not well")


def test_what_the_application_tells_within_a_call_reaches_ours_and_what_it_reaches_untraced(
    make: Any, ended: Ended
) -> None:
    application = make("native_application", "src")
    with woven("native_application:note") as spans, application.tracer.start_as_current_span("theirs"):
        assert application.note()[0] is True
        held = otel.get_current_span()
    metadata, [theirs] = spans[0].metadata, ended.spans
    assert (metadata["one"], metadata["two"], spans[0].name) == (1, 2, "renamed")
    assert (spans[0].level, spans[0].status_message) == ("ERROR", "not well")
    assert theirs.attributes == {"one": 1, "two": 2}
    assert [event.name for event in theirs.events] == ["happened", "exception"]
    assert [link.context.span_id for link in theirs.links] == [7]
    assert (theirs.name, theirs.status.description) == ("renamed", "not well")
    assert not held.is_recording()


def test_whoever_ends_the_current_span_ends_the_one_that_it_is_untraced(make: Any, ended: Ended) -> None:
    application = make("native_application", "src")

    def end() -> None:
        otel.get_current_span().end()
        assert len(ended.spans) == 1

    with woven("native_application:handle") as spans:
        theirs = application.tracer.start_span("theirs")
        with otel.use_span(theirs):
            application.handle(end)
    assert spans[0].stop is not None
    assert not theirs.is_recording()


def test_below_a_librarys_own_span_the_application_finds_that_one(make: Any, ended: Ended) -> None:
    library = make("native_library", "lib/site-packages")
    application = make("native_application", "src")

    def work() -> int:
        otel.get_current_span().set_attribute("seen", True)
        with application.tracer.start_as_current_span("work"):
            return application.note()[1]

    with woven("native_library:*") as spans:
        _, found = library.serve(work)
    own, served = ended.spans
    assert own.parent is not None
    assert own.parent.span_id == served.context.span_id
    assert found == own.context.span_id
    assert served.attributes == {"seen": True}
    handle, serve = spans
    assert (handle.metadata, serve.metadata) == ({}, {})
    assert (handle.parent_id, handle.trace) == (serve.span_id, serve.trace)


def test_a_mock_that_is_current_is_no_parent_and_is_told_what_a_library_tells(make: Any) -> None:
    library = make("native_library", "lib/site-packages")
    mocked = mock.MagicMock()
    with woven("native_library:note") as spans, otel.use_span(mocked):
        recording, _ = library.note()
    assert recording is mocked.is_recording.return_value
    mocked.set_attribute.assert_called_once_with("one", 1)
    assert type(spans[0].trace.trace_id) is int
    assert spans[0].parent_id is None
