"""Ended spans that wait for the worker are no work for the garbage collector, and leave nothing behind."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
from opentelemetry.trace import get_current_span

from tests.weaving.twins import twins
from tracing_proxies.compiled import hot
from tracing_proxies.recording.trace import Trace
from tracing_proxies.registry.values import compile_value

SOURCE = """
    from opentelemetry.trace import get_current_span

    def work(given, *, named=None):
        return {"given": [given, {"x": (1, "y")}]}

    def stream(given):
        yield [given]

    def visit(given):
        return work(given)

    def circle(given):
        get_current_span().metadata["circle"] = given
        given[0].span = get_current_span()

    def mark(thing):
        span = get_current_span()
        span.thing = thing
        thing.span = span
"""


class Thing:
    span: Any


@pytest.mark.skipif(hot is None, reason="nothing is compiled here")
def test_the_collector_passes_by_ended_spans_and_what_they_have_copied() -> None:
    with twins(SOURCE, "*") as (_, traced, spans):
        traced.work("the first of all is looked at by observers")
        spans.clear()
        traced.work("a", named=1)
        traced.work([1, {"b": 2}])
        list(traced.stream(["c"]))
        for span in spans:
            kept = [span, span.arguments, span.keywords, span._input, span.output]
            assert [one for one in kept if gc.is_tracked(one)] == []
            assert not any(gc.is_tracked(one) for one in gc.get_referents(span) if type(one) in (dict, list, tuple))
    assert len(spans) == 3


@pytest.mark.skipif(hot is None, reason="nothing is compiled here")
def test_the_collector_passes_by_the_traces_of_spans_that_wait() -> None:
    with twins(SOURCE, "*") as (_, traced, spans):
        traced.work(1)
        traced.visit(2)
    assert len(spans) == 3
    assert not any(gc.is_tracked(span.trace) for span in spans)


def test_a_trace_that_something_of_its_own_leads_back_to_is_collected() -> None:
    trace: Any = Trace(1)
    trace.held = [trace]
    gone = weakref.ref(trace)
    del trace
    gc.collect()
    assert gone() is None


@pytest.mark.skipif(hot is None, reason="nothing is compiled here")
def test_the_collector_passes_by_what_a_rule_has_read_as_well() -> None:
    read = {name: compile_value(text) for name, text in {"a": "args.given", "b": "result.given", "c": "1"}.items()}
    with twins(SOURCE, "visit", ("work", {"metadata": read, "session": compile_value("args.given")})) as (
        _,
        traced,
        spans,
    ):
        traced.visit({"b": [2]})
        span = spans[0]
        assert not gc.is_tracked(span)
        assert not gc.is_tracked(span._metadata)
        assert span.metadata == {"a": {"b": [2]}, "b": [{"b": [2]}, {"x": [1, "y"]}], "c": 1}
        assert gc.is_tracked(span)  # whoever asks for them may put anything in


@pytest.mark.skipif(hot is None, reason="nothing is compiled here")
def test_a_span_whose_metadata_lead_back_to_it_is_collected() -> None:
    read = {"a": compile_value("args.given")}
    with twins(SOURCE, "visit", "mark", ("work", {"metadata": read}), ("circle", {"metadata": read})) as (
        _,
        traced,
        spans,
    ):
        traced.visit("a")
        spans[0].metadata["own"] = [spans[0]]
        traced.circle([Thing()])
        gone = [weakref.ref(span) for span in spans]
        spans.clear()
        gc.collect()
        assert [span() for span in gone] == [None] * 3


@pytest.mark.parametrize("given", [{"b": 1}, [{"b": 1}], [[2]], {"b": {"c": [3]}}], ids=str)
@pytest.mark.parametrize("touched", [False, True])
def test_a_span_to_which_something_within_its_metadata_leads_back_is_collected(given: Any, touched: bool) -> None:
    with twins(SOURCE, "visit", ("work", {"metadata": {"a": compile_value("args.given")}})) as (_, traced, spans):
        traced.visit(given)
        if touched:
            spans[0].status_message = "later"
        within = spans[0].metadata["a"]
        while True:
            last, within = within, next(iter(within.values() if type(within) is dict else within))
            if type(within) is int:
                break
        last.update(own=spans[0]) if type(last) is dict else last.append(spans[0])
        gone = weakref.ref(spans[0])
        spans.clear()
        del last
        gc.collect()
        assert gone() is None


def test_a_span_that_the_application_has_put_into_a_circle_is_collected() -> None:
    with twins(SOURCE, "*") as (_, traced, spans):
        traced.mark(Thing())
        traced.work("a")
        thing = Thing()
        spans[1].thing, thing.span = thing, spans[1]
        gone = [weakref.ref(span) for span in spans]
        spans.clear()
        del thing
        gc.collect()
        assert [span() for span in gone] == [None, None]
    assert not get_current_span().is_recording()


@pytest.mark.skipif(hot is None or not hot.recount(0), reason="what is made cannot be left uncounted here")
def test_calls_leave_the_collectors_count_as_it_was() -> None:
    with twins(SOURCE, "*") as (_, traced, spans):
        for _ in range(50):
            traced.visit({"a": [1]})
            spans.clear()
        gc.collect()
        gc.disable()
        try:
            kept = [set[int]() for _ in range(600)]
            before = gc.get_count()[0]
            for _ in range(200):
                traced.visit({"a": [1]})
                spans.clear()
            after = gc.get_count()[0]
        finally:
            gc.enable()
    assert kept
    assert abs(after - before) < 60


@pytest.mark.skipif(hot is None or not hot.recount(0), reason="what is made cannot be left uncounted here")
def test_full_collections_come_as_often_beside_calls_that_wait_for_long() -> None:
    def count_full(module: Any) -> int:
        gc.collect()
        before = gc.get_stats()[2]["collections"]
        for _ in range(40):
            waiting = [module.wait() for _ in range(300)]
            for one in waiting:
                one.send(None)
            more = [[] for _ in range(4_000)]  # type: ignore[var-annotated]  # they outlive two collections
            for one in waiting:
                one.close()
            spans.clear()
            del waiting, more
        return int(gc.get_stats()[2]["collections"] - before)

    source = """
        async def wait():
            await Once()

        class Once:
            def __await__(self):
                yield
    """
    thresholds = gc.get_threshold()
    ballast = [[] for _ in range(100_000)]  # type: ignore[var-annotated]
    with twins(source, "wait") as (untraced, traced, spans):
        gc.collect()
        gc.freeze()
        ballast += [[] for _ in range(100_000)]
        gc.set_threshold(700, 2, 1)
        try:
            plain, ours = count_full(untraced), count_full(traced)
        finally:
            gc.set_threshold(*thresholds)
            gc.unfreeze()
    assert plain > 2
    assert ours <= plain + 1
