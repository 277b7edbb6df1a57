"""Woven callables behave as before, leave the right spans, and are taken back exactly."""

from __future__ import annotations

import asyncio
import gc
import inspect
import sys
import threading
import types
import warnings
from typing import Any

import pytest
from opentelemetry import trace as otel

from tests.weaving import sample
from tests.weaving.support import woven

M = "tests.weaving.sample"


def names(spans: list[Any]) -> list[str]:
    return [span.name for span in spans]


def test_a_function_leaves_one_span_with_its_arguments_and_result() -> None:
    with woven(f"{M}:plain") as spans:
        assert sample.plain(1) == 3
    [span] = spans
    assert (span.name, span.input, span.output, span.level) == ("plain", {"a": 1, "b": 2}, 3, "DEFAULT")
    assert span.parent_id is None
    assert span.app_root


def test_an_exception_passes_unchanged_and_marks_the_span() -> None:
    with woven(f"{M}:fails") as spans, pytest.raises(ValueError, match="broken") as caught:
        sample.fails("broken")
    [span] = spans
    assert span.level == "ERROR"
    assert span.status_message == "ValueError: broken"
    assert any("sample.py" in place for place in span.metadata["error.stack"])
    assert not any("advice.py" in place for place in span.metadata["error.stack"])
    assert caught.value.__cause__ is None


def test_every_kind_of_method_is_traced_and_answers_as_before() -> None:
    with woven(f"{M}:Base.*", f"{M}:Base.size", f"{M}:Base.heavy") as spans:
        made = sample.Base.make("abc")
        assert made.run("it") == "abc runs it"
        assert sample.Base.add(1, 2) == 3
        assert made.size == 3
        assert made.heavy == 6
        assert made.heavy == 6
    assert names(spans) == ["Base.make", "Base.run", "Base.add", "Base.size", "Base.heavy"]
    assert spans[1].input == {"task": "it"}


def test_a_coroutine_stays_one_and_starts_its_span_at_its_first_step() -> None:
    with woven(f"{M}:later", f"{M}:plain") as spans:
        assert inspect.iscoroutinefunction(sample.later)
        coroutine = sample.later(1)
        assert inspect.iscoroutine(coroutine)
        assert asyncio.run(coroutine) == 3
    assert names(spans) == ["plain", "later"]
    assert spans[0].parent_id == spans[1].span_id


def test_a_coroutine_that_is_never_awaited_leaves_nothing_and_warns_once() -> None:
    with woven(f"{M}:later") as spans, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        sample.later(1)
        gc.collect()
    assert spans == []
    assert len([w for w in caught if "never awaited" in str(w.message)]) == 1


def test_gathered_tasks_do_not_mix() -> None:
    async def main() -> None:
        await asyncio.gather(*(sample.later(n) for n in range(20)))

    with woven(f"{M}:later", f"{M}:plain") as spans:
        asyncio.run(main())
    outer = {span.span_id: span for span in spans if span.name == "later"}
    inner = [span for span in spans if span.name == "plain"]
    assert len(outer) == len(inner) == 20
    assert all(outer[span.parent_id].input == {"a": span.input["a"]} for span in inner)


def test_a_generator_is_traced_to_its_end_without_leaking_its_span() -> None:
    with woven(f"{M}:numbers", f"{M}:plain") as spans:
        stream = sample.numbers(3)
        assert inspect.isgenerator(stream)
        seen = []
        for number in stream:
            assert otel.get_current_span() is otel.INVALID_SPAN
            seen.append(number)
        assert seen == [0, 1, 2]
    assert names(spans) == ["plain", "plain", "plain", "numbers"]
    assert {span.parent_id for span in spans[:3]} == {spans[3].span_id}
    assert spans[3].output == [0, 1, 2]


def test_streams_broken_off_dropped_or_closed_by_another_task_leave_one_ended_span() -> None:
    async def main() -> None:
        stream = sample.async_numbers(5)
        async for _ in stream:
            break
        await asyncio.create_task(stream.aclose())

    with woven(f"{M}:numbers", f"{M}:async_numbers") as spans:
        for _ in sample.numbers(5):
            break
        closed = sample.numbers(5)
        next(closed)
        closed.close()
        asyncio.run(main())
    assert names(spans) == ["numbers", "numbers", "async_numbers"]
    assert [span.metadata["outcome"] for span in spans] == ["abandoned"] * 3


def test_an_async_generator_is_traced_step_by_step() -> None:
    async def main() -> list[int]:
        return [number async for number in sample.async_numbers(3)]

    with woven(f"{M}:async_numbers", f"{M}:later") as spans:
        assert asyncio.run(main()) == [0, 1, 2]
    assert names(spans) == ["later", "later", "later", "async_numbers"]
    assert {span.parent_id for span in spans[:3]} == {spans[3].span_id}


def test_context_managers_are_traced_from_enter_to_exit() -> None:
    async def main() -> None:
        async with sample.async_managed("b") as value:
            sample.plain(2)
            assert value == "b"

    with woven(f"{M}:managed", f"{M}:async_managed", f"{M}:plain") as spans:
        with sample.managed("a") as value:
            sample.plain(1)
            assert value == "a"
        asyncio.run(main())
        with pytest.raises(KeyError), sample.managed("c"):
            raise KeyError("x")
    assert names(spans) == ["plain", "managed", "plain", "async_managed", "managed"]
    assert spans[0].parent_id == spans[1].span_id
    assert spans[2].parent_id == spans[3].span_id
    assert spans[4].level == "ERROR"


def test_subclasses_present_and_future_are_woven_and_super_chains_are_one_span() -> None:
    with woven(f"{M}:Base+.run") as spans:

        class Late(sample.Sub):
            def run(self, task: str) -> str:
                return "late: " + super().run(task)

        assert sample.Sub("s").run("a") == "sub: s runs a"
        assert Late("l").run("b") == "late: sub: l runs b"
    assert len(spans) == 2
    assert spans[1].name.endswith("Late.run")


def test_recursion_is_not_merged() -> None:
    with woven(f"{M}:Recursive.down") as spans:
        assert sample.Recursive().down(3) == 0
    assert len(spans) == 4


def test_an_inherited_method_is_woven_at_its_owner() -> None:
    with woven(f"{M}:Sub.inherited") as spans:
        assert "inherited" not in vars(sample.Sub)
        assert sample.Sub("s").inherited() == "s"
    assert len(spans) == 1


def test_names_imported_before_are_rebound_and_restored() -> None:
    original = sample.plain
    other = types.ModuleType("other_module")
    other.borrowed = original  # type: ignore[attr-defined]
    sys.modules["other_module"] = other
    try:
        with woven(f"{M}:plain") as spans:
            assert other.borrowed(1) == 3
        assert len(spans) == 1
        assert other.borrowed is original
    finally:
        del sys.modules["other_module"]


def test_undo_leaves_every_namespace_identical() -> None:
    owners = (sample, sample.Base, sample.Sub, sample.Recursive)
    before = [dict(vars(owner)) for owner in owners]
    paths = list(sys.meta_path)
    with woven(f"{M}:*", f"{M}:*.*", f"{M}:Base+.*", f"{M}:Base.size"):
        assert vars(sample.Base)["run"] is not before[1]["run"]
    for owner, entries in zip(owners, before, strict=True):
        now = dict(vars(owner))
        assert list(now) == list(entries)
        assert all(now[name] is entries[name] for name in entries)
    assert sys.meta_path == paths


def test_a_module_that_is_imported_later_is_woven_as_its_body_ends(tmp_path: Any, monkeypatch: Any) -> None:
    (tmp_path / "late_module.py").write_text("def work(n):\n    return n * 2\n")
    monkeypatch.syspath_prepend(tmp_path)
    with woven("late_module:work") as spans:
        import late_module  # type: ignore[import-not-found]

        assert late_module.work(4) == 8
        assert type(late_module.__loader__).__name__ == "SourceFileLoader"
        assert late_module.__spec__.loader is late_module.__loader__
    assert len(spans) == 1
    del sys.modules["late_module"]


def test_foreign_spans_nest_under_ours_and_ours_under_theirs() -> None:
    from opentelemetry.sdk.trace import TracerProvider

    tracer = TracerProvider().get_tracer("app")
    with woven(f"{M}:plain", f"{M}:managed") as spans:
        with tracer.start_as_current_span("theirs") as theirs:
            sample.plain(1)
        with sample.managed("x"), tracer.start_as_current_span("inner") as inner:
            sample.plain(2)
    first, second, manager = spans
    assert first.parent_id == theirs.get_span_context().span_id
    assert first.trace.trace_id == theirs.get_span_context().trace_id
    assert inner.parent.span_id == manager.span_id
    assert second.parent_id == inner.get_span_context().span_id
    assert second.trace is manager.trace


def test_attributes_set_through_opentelemetry_reach_our_span() -> None:
    with woven(f"{M}:managed") as spans, sample.managed("x"):
        otel.get_current_span().set_attribute("answer", 42)
    assert spans[0].metadata["answer"] == 42


def test_never_sampled_calls_leave_nothing_and_still_work() -> None:
    from tracing_proxies.registry.model import SampleRate

    with woven((f"{M}:later", {"sample": SampleRate(0.0)}), f"{M}:plain") as spans:
        assert asyncio.run(sample.later(1)) == 3
    assert spans == []


def test_calls_in_many_threads_all_leave_their_spans() -> None:
    def work() -> None:
        for number in range(200):
            sample.plain(number)

    with woven(f"{M}:plain") as spans:
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(spans) == 1600
    assert len({span.trace.trace_id for span in spans}) == 1600
