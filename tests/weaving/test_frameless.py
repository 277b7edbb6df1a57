"""Functions that look at their caller's frame are traced without a frame of ours, from Python 3.12 on."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace as otel

from tests.weaving import callers
from tests.weaving.support import make_registry, woven
from tracing_proxies.recording.recorder import Recorder
from tracing_proxies.weaving import loom
from tracing_proxies.weaving.weaver import Weaver

if sys.version_info < (3, 12):
    pytest.skip("sys.monitoring came with Python 3.12", allow_module_level=True)

NAME = callers.__name__
TOOLS = range(6)


@pytest.fixture(autouse=True)
def tools(monkeypatch: Any) -> Iterator[None]:
    """Have functions woven as where nothing is compiled; expect every tool id to be free again."""
    monkeypatch.setattr(loom, "stands_between", lambda raw, lazy: True)
    before = [sys.monitoring.get_tool(tool) for tool in TOOLS]
    yield
    assert [sys.monitoring.get_tool(tool) for tool in TOOLS] == before


def asking(function: Any, *args: Any, **kwargs: Any) -> Any:
    return function(*args, **kwargs)


@pytest.mark.parametrize(
    "name", ["caller", "caller_by_name", "first_outside", "by_helper", "module_of_caller", "by_a_helpers_helper"]
)
def test_it_sees_the_caller_that_it_saw_untraced_and_leaves_one_span(name: str) -> None:
    function = getattr(callers, name)
    untraced = asking(function)
    with woven(f"{NAME}:{name}") as spans:
        assert getattr(callers, name) is function
        assert asking(function) == untraced
    assert [(span.name, span.output) for span in spans] == [(name, untraced)]


def test_it_sees_the_same_stack() -> None:
    untraced = asking(callers.whole_stack), asking(callers.extracted)
    with woven(f"{NAME}:*") as spans:
        assert (asking(callers.whole_stack), asking(callers.extracted)) == untraced
    assert [span.name for span in spans] == ["whole_stack", "extracted"]


def test_arguments_are_recorded_as_with_a_proxy() -> None:
    with woven(f"{NAME}:caller", f"{NAME}:callers_within") as spans:
        callers.caller(1, 2, 3, key="k", other="o")
        callers.caller()
    assert [span.input for span in spans] == [
        {"extra": 1, "rest": (2, 3), "key": "k", "other": "o"},
        {"extra": 0, "key": ""},
    ]


def test_methods_are_recorded_without_their_instance() -> None:
    with woven(f"{NAME}:Named.*", f"{NAME}:Named.__init__") as spans:
        named = callers.Named()
        here = named.caller(), named.by_method(), callers.Named.of_class(), callers.Named.of_none()
    name = "test_methods_are_recorded_without_their_instance"
    assert named.where == name
    assert here == (name,) * 4
    methods = ["__init__", "caller", "by_method", "of_class", "of_none"]
    assert [(span.name, span.input) for span in spans] == [(f"Named.{method}", {}) for method in methods]


def test_an_exception_passes_and_marks_the_span() -> None:
    with woven(f"{NAME}:failing") as spans, pytest.raises(ValueError, match="test_an_exception_passes"):
        callers.failing()
    [span] = spans
    assert span.level == "ERROR"
    assert "test_an_exception_passes" in span.status_message
    assert otel.get_current_span() is otel.INVALID_SPAN


def test_an_interpreter_without_a_way_to_frames_is_no_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    with woven(f"{NAME}:caller") as spans:
        monkeypatch.delattr(sys, "_getframe")
        with pytest.raises(AttributeError, match="_getframe"):
            callers.caller()
        monkeypatch.undo()
    assert [span.level for span in spans] == ["ERROR"]


def test_recursion_and_nesting_make_a_tree() -> None:
    with woven((f"{NAME}:factorial", {"nested": "child"}), f"{NAME}:callers_within", f"{NAME}:caller") as spans:
        assert callers.factorial(3) == 6
        assert callers.callers_within() == "callers_within"
    assert [span.output for span in spans] == [1, 2, 6, "callers_within", "callers_within"]
    assert spans[0].parent_id == spans[1].span_id
    assert spans[1].parent_id == spans[2].span_id
    assert spans[3].parent_id == spans[4].span_id


def test_functions_made_of_one_code_are_told_apart() -> None:
    with woven(f"{NAME}:first_told") as spans:
        assert callers.first_told(1) + callers.second_told(1) == 5
    assert [(span.name, span.output) for span in spans] == [("first_told", 2)]


def test_a_coroutine_is_current_in_its_steps_only() -> None:
    async def other() -> bool:
        return otel.get_current_span() is otel.INVALID_SPAN

    async def main() -> Any:
        return await asyncio.gather(callers.awaiting(), other(), callers.awaiting())

    untraced = asyncio.run(main())
    with woven(f"{NAME}:awaiting") as spans:
        assert asyncio.run(main()) == untraced
    assert [(span.name, span.output, span.parent_id) for span in spans] == [("awaiting", untraced[0], None)] * 2


def test_what_a_coroutine_lets_go_is_not_held_while_it_waits() -> None:
    class Thing:
        pass

    untraced = asyncio.run(callers.letting_go(Thing()))
    with woven(f"{NAME}:letting_go") as spans:
        traced = asyncio.run(callers.letting_go(Thing()))
    assert traced == untraced
    assert untraced[1]
    assert len(spans) == 1


def test_a_dropped_and_a_cancelled_coroutine_leave_one_ended_span_each() -> None:
    async def cancel() -> None:
        task = asyncio.ensure_future(callers.awaiting())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with woven(f"{NAME}:awaiting") as spans:
        coroutine = callers.awaiting()
        coroutine.send(None)
        del coroutine
        gc.collect()
        asyncio.run(cancel())
    assert [span.metadata["outcome"] for span in spans] == ["abandoned", "cancelled"]


def test_a_generator_is_refused(caplog: Any) -> None:
    with caplog.at_level(logging.WARNING), woven(f"{NAME}:generating") as spans:
        assert list(callers.generating()) == ["test_a_generator_is_refused"]
    assert spans == []
    assert "generating is not traced: it is a generator" in caplog.text


def test_calls_of_other_threads_are_recorded() -> None:
    with woven(f"{NAME}:caller") as spans:
        threads = [threading.Thread(target=callers.caller, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(span.input["extra"] for span in spans) == list(range(8))


def test_a_call_that_outlives_tracing_ends_its_span_and_frees_the_tool() -> None:
    spans: list[Any] = []
    weaver = Weaver(Recorder(spans.append))
    weaver.weave(make_registry(f"{NAME}:awaiting"))
    coroutine = callers.awaiting()
    coroutine.send(None)
    weaver.undo()
    assert [sys.monitoring.get_tool(tool) for tool in TOOLS].count("tracing_proxies") == 1
    assert spans == []
    coroutine.close()
    assert [span.metadata["outcome"] for span in spans] == ["abandoned"]


def test_with_all_tool_ids_taken_it_is_refused(caplog: Any) -> None:
    free = [tool for tool in TOOLS if sys.monitoring.get_tool(tool) is None]
    for tool in free:
        sys.monitoring.use_tool_id(tool, "somebody else")
    try:
        with caplog.at_level(logging.WARNING), woven(f"{NAME}:caller") as spans:
            assert callers.caller() == "test_with_all_tool_ids_taken_it_is_refused"
    finally:
        for tool in free:
            sys.monitoring.free_tool_id(tool)
    assert spans == []
    assert "taken all ids" in caplog.text
