"""Below a call that is left out, other libraries' spans have the parents that they have untraced."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry import trace as api
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.weaving.support import make_registry
from tests.weaving.twins import make_module
from tracing_proxies.recording.recorder import Recorder
from tracing_proxies.recording.span import Span
from tracing_proxies.recording.tail import Tail
from tracing_proxies.sampling.controller import Controller
from tracing_proxies.sampling.plan import Plan
from tracing_proxies.weaving.weaver import Weaver

SOURCE = """
    def outer(work):
        return inner(work)

    def inner(work):
        return work()

    async def outer_later(work):
        return await inner_later(work)

    async def inner_later(work):
        return work()

    class Shelf:
        def look(self, work):
            return work()

    class Cold(Shelf):
        def look(self, work):
            return super().look(work)
"""
NAME = "left_out_below"
CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "outer": lambda module, work: module.outer(work),
    "outer_later": lambda module, work: asyncio.run(module.outer_later(work)),
    "super": lambda module, work: module.outer(lambda: module.Cold().look(work)),
}


@pytest.mark.parametrize("ambient", [True, False])
@pytest.mark.parametrize("name", CALLS)
def test_a_span_that_starts_there_is_below_the_one_around_it(
    name: str, ambient: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("other")
    recorded: list[Span] = []
    recorder, controller = Recorder(recorded.append), Controller(1.0)
    controller.plan = Plan(0.0, 0.0, 0.0, 0.0, 0.0)
    recorder.sample(Tail(controller, ["error"], recorded.append, lambda: None))
    module = make_module(SOURCE, NAME)
    monkeypatch.setitem(sys.modules, NAME, module)
    weaver = Weaver(recorder)
    weaver.weave(make_registry(f"{NAME}:*", f"{NAME}:*.look"))

    def work() -> None:
        span = api.get_current_span()
        assert span.is_recording() is ambient
        span.set_attribute("one", 1)
        span.set_attributes({"two": 2})
        span.add_event("happened")
        span.add_link(api.SpanContext(5, 7, True))
        span.record_exception(ValueError("no"))
        span.set_status(api.StatusCode.ERROR, "not well")
        with tracer.start_as_current_span("within"):
            pass
        span.end()
        assert [one.name for one in exporter.get_finished_spans()] == ["within", "around"][: 1 + ambient]

    try:
        if ambient:
            with tracer.start_as_current_span("around"):
                CALLS[name](module, work)
        else:
            CALLS[name](module, work)
    finally:
        weaver.undo()
    found = {one.name: one for one in exporter.get_finished_spans()}
    parent = found["within"].parent
    assert recorded == []
    assert (parent and parent.span_id) == (found["around"].context.span_id if ambient else None)
    if ambient:  # what its work tells the current span is told the one around, as untraced
        around = found["around"]
        assert around.attributes == {"one": 1, "two": 2}
        assert [event.name for event in around.events] == ["happened", "exception"]
        assert [link.context.span_id for link in around.links] == [7]
        assert around.status.description == "not well"
