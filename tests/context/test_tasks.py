"""The current span goes along into tasks, and each span lasts as long as the task that runs under it."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from opentelemetry import trace as otel

from tests.context.conftest import assert_below, named, only
from tests.context.work import (
    entered,
    fail,
    hang,
    inner,
    inner_async,
    numbers,
    numbers_async,
    outer,
    outer_async,
    unsampled,
)
from tracing_proxies.testing import CapturedSpan

Main = Callable[..., Awaitable[Any]]


def run(main: Main, *args: Any) -> Any:
    """Run an async function under the span `outer_async`."""
    return asyncio.run(outer_async(main, *args))  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _silent(caplog: pytest.LogCaptureFixture) -> Any:
    """Let no test end with a line in the log: neither ours, nor asyncio's, nor OpenTelemetry's."""
    caplog.set_level(logging.INFO)
    yield
    gc.collect()
    assert [record.getMessage() for record in caplog.records] == []


def test_tasks_are_below_the_span_that_made_them(spans: list[CapturedSpan]) -> None:
    async def main() -> Any:
        task = asyncio.create_task(inner_async("task"))
        return [await task, await asyncio.ensure_future(inner_async("ensured")), await inner_async("awaited")]

    assert run(main) == ["task", "ensured", "awaited"]
    assert_below(named(spans, "inner_async"), only(spans, "outer_async"))


def test_a_task_that_is_made_under_no_span_has_none(spans: list[CapturedSpan]) -> None:
    async def main() -> None:
        task = asyncio.create_task(inner_async())
        await outer_async(asyncio.wait, {task})

    asyncio.run(main())
    assert only(spans, "inner_async").parent_id is None


def test_gathered_calls_are_siblings(spans: list[CapturedSpan]) -> None:
    async def one(number: int) -> Any:
        return await outer_async(inner_async, number, number)

    async def main() -> Any:
        return await asyncio.gather(*(one(number) for number in range(6)))

    assert asyncio.run(main()) == list(range(6))
    for above in named(spans, "outer_async"):
        [below] = (span for span in spans if span.parent_id == above.span_id)
        assert_below([below], above)
    spans.clear()
    assert run(main) == list(range(6))
    top = next(span for span in spans if span.parent_id is None)
    assert_below([span for span in named(spans, "outer_async") if span is not top], top)


def test_of_gathered_calls_a_failing_one_fails_alone(spans: list[CapturedSpan]) -> None:
    async def main() -> Any:
        return await asyncio.gather(fail("a"), inner_async("b", 3), fail("c"), return_exceptions=True)

    first, second, third = run(main)
    assert (str(first), second, str(third)) == ("a", "b", "c")
    assert [span.level for span in named(spans, "fail")] == ["ERROR", "ERROR"]
    assert (only(spans, "inner_async").level, only(spans, "outer_async").level) == ("DEFAULT", "DEFAULT")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="there is no TaskGroup yet")
def test_a_task_group_that_fails_ends_every_span_once(spans: list[CapturedSpan]) -> None:
    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(hang("a"))
            group.create_task(fail("b"))
            group.create_task(inner_async("c", 0))

    with pytest.raises(BaseException) as caught:
        run(main)
    assert [str(error) for error in caught.value.exceptions] == ["b"]
    levels = {span.name: (span.level, span.status_message) for span in spans}
    assert levels["hang"] == ("WARNING", "cancelled")
    assert levels["fail"] == ("ERROR", "ValueError: b")
    assert levels["inner_async"][0] == "DEFAULT"
    assert levels["outer_async"][0] == "ERROR"
    above = only(spans, "outer_async")
    assert_below([span for span in spans if span is not above], above)


def test_cancellation_passes_through_every_span_on_its_way(spans: list[CapturedSpan]) -> None:
    async def main() -> None:
        task = asyncio.create_task(outer_async(outer_async, hang))
        await asyncio.sleep(0.01)
        task.cancel("why")
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()

    asyncio.run(main())
    assert [(span.name, span.level, span.metadata["outcome"]) for span in spans] == [
        ("hang", "WARNING", "cancelled"),
        ("outer_async", "WARNING", "cancelled"),
        ("outer_async", "WARNING", "cancelled"),
    ]


def test_a_task_that_is_cancelled_before_it_begins_leaves_no_span(spans: list[CapturedSpan]) -> None:
    async def main() -> None:
        task = asyncio.create_task(inner_async())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert spans == []


def test_a_call_that_survives_its_cancellation_goes_on(spans: list[CapturedSpan]) -> None:
    async def stubborn() -> str:
        try:
            await hang()
        except asyncio.CancelledError:
            await inner_async("after")
        return "survived"

    async def main() -> Any:
        task = asyncio.create_task(outer_async(stubborn))
        await asyncio.sleep(0.01)
        task.cancel()
        return await task

    assert asyncio.run(main()) == "survived"
    assert [(span.name, span.level) for span in spans] == [
        ("hang", "WARNING"), ("inner_async", "DEFAULT"), ("outer_async", "DEFAULT"),
    ]  # fmt: skip


def test_a_timeout_ends_what_it_cancels(spans: list[CapturedSpan]) -> None:
    async def main() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(hang(), 0.01)
        shielded = asyncio.create_task(inner_async("shielded", 5))
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(shielded), 0)
        await shielded

    run(main)
    assert (only(spans, "hang").level, only(spans, "inner_async").level) == ("WARNING", "DEFAULT")
    assert_below([only(spans, "hang"), only(spans, "inner_async")], only(spans, "outer_async"))


def test_a_generator_that_another_task_closes_ends_its_span_and_disturbs_neither(spans: list[CapturedSpan]) -> None:
    async def main() -> None:
        stream, stream_async = numbers(), numbers_async()

        async def begin() -> None:
            next(stream)
            await anext(stream_async)

        async def close() -> Any:
            before = otel.get_current_span()
            stream.close()
            await stream_async.aclose()
            assert otel.get_current_span() is before
            return await inner_async("after")

        await asyncio.create_task(outer_async(begin))
        await asyncio.create_task(outer_async(close))

    asyncio.run(main())
    first, second = named(spans, "outer_async")
    streams = [only(spans, "numbers"), only(spans, "numbers_async")]
    assert_below(streams, first)
    assert [span.metadata["outcome"] for span in streams] == ["abandoned", "abandoned"]
    after = [span for span in named(spans, "inner_async") if span.input["name"] == "after"]
    assert_below(after, second)
    assert_below([span for span in named(spans, "inner") if span.input["name"] == "closed"], streams[1])


def test_a_generator_that_goes_from_task_to_task_stays_below_its_first(spans: list[CapturedSpan]) -> None:
    async def main() -> list[int]:
        stream, found = numbers_async(), []

        async def step() -> None:
            found.append(await anext(stream))

        for _ in range(3):
            await asyncio.create_task(outer_async(step))
        with pytest.raises(StopAsyncIteration):
            await anext(stream)
        return found

    assert asyncio.run(main()) == [0, 1, 2]
    stream = only(spans, "numbers_async")
    assert_below([stream], named(spans, "outer_async")[0])
    assert_below(named(spans, "inner_async"), stream)
    assert "outcome" not in stream.metadata


def test_an_async_generator_that_the_loop_closes_at_its_end_leaves_one_ended_span(spans: list[CapturedSpan]) -> None:
    kept: list[Any] = []

    async def main() -> None:
        kept.append(numbers_async())
        await anext(kept[0])

    run(main)
    assert [span.input["name"] for span in named(spans, "inner")] == ["closed"]
    kept.clear()
    stream = only(spans, "numbers_async")
    assert stream.metadata["outcome"] == "abandoned"
    assert_below([stream], only(spans, "outer_async"))


def test_work_in_threads_is_below_the_task_that_hands_it_over(spans: list[CapturedSpan]) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert await asyncio.to_thread(inner, 1) == 1
        assert await loop.run_in_executor(None, inner, 2) == 2
        with ThreadPoolExecutor(1) as pool:
            assert await loop.run_in_executor(pool, inner, 3) == 3
        assert await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(inner_async(4), loop)) == 4

    run(main)
    assert [span.input["name"] for span in named(spans, "inner")] == [1, 2, 3]
    assert_below([*named(spans, "inner"), *named(spans, "inner_async")], only(spans, "outer_async"))


def test_concurrent_tasks_hand_over_each_their_own_span(spans: list[CapturedSpan]) -> None:
    async def hand_over(number: int) -> None:
        await asyncio.sleep(0)
        await asyncio.gather(
            asyncio.to_thread(inner, number), asyncio.get_running_loop().run_in_executor(None, inner, number)
        )

    async def main() -> None:
        await asyncio.gather(*(outer_async(hand_over, number) for number in range(6)))

    asyncio.run(main())
    for above in named(spans, "outer_async"):
        below = [span for span in spans if span.parent_id == above.span_id]
        assert_below(below, above)
        assert len(below) == 2
        assert len({span.input["name"] for span in below}) == 1


def test_a_coroutine_that_a_thread_hands_to_the_loop_is_below_the_threads_span(spans: list[CapturedSpan]) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()

        def hand_over() -> Any:
            return asyncio.run_coroutine_threadsafe(inner_async("handed"), loop).result()

        assert await asyncio.to_thread(outer, hand_over) == "handed"

    asyncio.run(main())
    assert_below([only(spans, "inner_async")], only(spans, "outer"))


def test_callbacks_are_below_the_span_that_scheduled_them(spans: list[CapturedSpan]) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.call_soon(inner, "soon")
        loop.call_later(0, inner, "later")
        task = asyncio.create_task(asyncio.sleep(0))
        task.add_done_callback(inner)
        await asyncio.sleep(0.01)

    run(main)
    assert len(named(spans, "inner")) == 3
    assert_below(named(spans, "inner"), only(spans, "outer_async"))


def test_a_copied_context_carries_the_span_that_was_current_then(spans: list[CapturedSpan]) -> None:
    async def main() -> None:
        copied = await outer_async(copy)
        copied.run(inner, 1)
        await outer_async(in_copy, copied)

    async def copy() -> contextvars.Context:
        return contextvars.copy_context()

    async def in_copy(copied: contextvars.Context) -> None:
        copied.run(inner, 2)
        if sys.version_info >= (3, 11):
            await asyncio.create_task(inner_async(3), context=copied)

    asyncio.run(main())
    first, second = named(spans, "outer_async")
    assert_below([*named(spans, "inner"), *named(spans, "inner_async")], first)
    assert second.parent_id is None


def test_what_an_awaited_call_sets_in_its_context_is_seen_as_untraced(spans: list[CapturedSpan]) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")

    async def set_it(value: str) -> None:
        await asyncio.sleep(0)
        variable.set(value)

    async def main() -> list[str]:
        await outer_async(set_it, "awaited")
        seen = [variable.get()]
        await asyncio.create_task(outer_async(set_it, "task"))
        seen.append(variable.get())
        await asyncio.gather(outer_async(set_it, "gathered"))
        seen.append(variable.get())
        return seen

    assert asyncio.run(main()) == ["awaited", "awaited", "awaited"]


def test_a_context_manager_that_is_left_by_another_task_restores_nothing_foreign(spans: list[CapturedSpan]) -> None:
    async def main() -> None:
        managers: list[Any] = []

        async def enter() -> None:
            managers.append(entered("manager"))
            managers[0].__enter__()

        async def leave() -> None:
            before = otel.get_current_span()
            managers[0].__exit__(None, None, None)
            assert otel.get_current_span() is before
            await inner_async("after")

        await asyncio.create_task(outer_async(enter))
        await asyncio.create_task(outer_async(leave))

    asyncio.run(main())
    first, second = named(spans, "outer_async")
    assert_below([only(spans, "entered")], first)
    assert_below([only(spans, "inner_async")], second)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="there are no eager tasks yet")
def test_eager_tasks_are_below_the_span_that_made_them(spans: list[CapturedSpan]) -> None:
    async def main() -> Any:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined]
        tasks = [asyncio.create_task(inner_async(number, number)) for number in range(3)]
        return await asyncio.gather(*tasks)

    assert run(main) == [0, 1, 2]
    assert_below(named(spans, "inner_async"), only(spans, "outer_async"))


def test_below_a_call_that_sampling_leaves_out_no_task_is_recorded(spans: list[CapturedSpan]) -> None:
    async def main() -> None:
        task = unsampled(asyncio.create_task, inner_async())
        await task
        await unsampled(asyncio.to_thread, inner)

    asyncio.run(main())
    assert named(spans, "inner_async") == []


def test_an_event_loop_in_a_thread_of_a_traced_call_is_below_it(spans: list[CapturedSpan]) -> None:
    def loop_in_thread() -> Any:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(lambda: asyncio.run(inner_async("inside"))).result()

    assert outer(loop_in_thread) == "inside"
    assert_below([only(spans, "inner_async")], only(spans, "outer"))
