"""The current span goes along into threads and thread pools, and no further than it should."""

from __future__ import annotations

import contextvars
import functools
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from multiprocessing.pool import ThreadPool
from typing import Any

from opentelemetry import trace as otel

from tests.context.conftest import assert_below, named, only
from tests.context.work import inner, outer, unsampled
from tracing_proxies.testing import CapturedSpan


def in_thread(target: Callable[..., Any], *args: Any) -> None:
    thread = threading.Thread(target=target, args=args)
    thread.start()
    thread.join()


def current_id() -> int:
    return otel.get_current_span().get_span_context().span_id


def test_a_thread_works_below_the_span_that_started_it(spans: list[CapturedSpan]) -> None:
    outer(in_thread, inner)
    in_thread(inner)
    below, alone = named(spans, "inner")
    assert_below([below], only(spans, "outer"))
    assert alone.parent_id is None


def test_without_the_preset_a_thread_starts_a_trace_of_its_own() -> None:
    # In a process of its own: in this one a framework may have patched threads to the same effect.
    code = """
        import tracing_proxies
        from tests.context.conftest import REGISTRY, only
        from tests.context.test_threads import in_thread
        from tests.context.work import inner, outer
        from tracing_proxies.testing import capture_spans, registry_from
        tracing_proxies.activate(registry_from(REGISTRY.format(use="")))
        with capture_spans() as spans:
            outer(in_thread, inner)
        print(only(spans, "inner").parent_id)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("None\n", "")


def test_threads_of_threads_and_timers_are_below_the_same_span(spans: list[CapturedSpan]) -> None:
    class Own(threading.Thread):
        def run(self) -> None:
            inner("own")
            timer = threading.Timer(0, inner, args=("timer",))
            timer.start()
            timer.join()

    def start() -> None:
        own = Own()
        own.start()
        own.join()

    outer(start)
    assert_below(named(spans, "inner"), only(spans, "outer"))
    assert [span.input["name"] for span in named(spans, "inner")] == ["own", "timer"]


def test_a_thread_that_outlives_its_span_stays_below_it(spans: list[CapturedSpan]) -> None:
    go = threading.Event()
    threads: list[threading.Thread] = []

    def body() -> None:
        go.wait()
        inner()

    def start() -> None:
        threads.append(threading.Thread(target=body))
        threads[0].start()

    outer(start)
    assert [span.name for span in spans] == ["outer"]
    go.set()
    threads[0].join()
    assert_below([only(spans, "inner")], only(spans, "outer"))


def test_work_in_a_pool_is_below_the_span_of_whoever_submitted_it(spans: list[CapturedSpan]) -> None:
    with ThreadPoolExecutor(1) as pool:
        assert outer(lambda: pool.submit(inner, 1).result()) == 1
        assert outer(lambda: list(pool.map(inner, [2, 3]))) == [2, 3]
        assert pool.submit(inner, 4).result() == 4  # by the thread that was started under another span
        assert pool.submit(current_id).result() == 0
    one, two, three, four = named(spans, "inner")
    first, second = named(spans, "outer")
    assert_below([one], first)
    assert_below([two, three], second)
    assert four.parent_id is None


def test_work_that_submits_work_keeps_its_place(spans: list[CapturedSpan]) -> None:
    with ThreadPoolExecutor(2) as pool:
        outer(lambda: pool.submit(lambda: pool.submit(inner).result()).result())
    assert_below([only(spans, "inner")], only(spans, "outer"))


def test_what_work_in_a_pool_raises_is_what_its_future_holds(spans: list[CapturedSpan]) -> None:
    error = ValueError("broken")

    def fail() -> None:
        raise error

    with ThreadPoolExecutor(1) as pool:
        future: Future[None] = outer(pool.submit, fail)
        wait([future])
        assert future.exception() is error
        cancelled = pool.submit(inner)
        wait([cancelled])
    assert only(spans, "inner").parent_id is None


def test_many_submitters_of_one_pool_are_told_apart(spans: list[CapturedSpan]) -> None:
    with ThreadPoolExecutor(4) as pool:

        def submit(number: int) -> None:
            for future in [pool.submit(inner, number) for _ in range(5)]:
                assert future.result() == number

        threads = [threading.Thread(target=outer, args=(submit, number)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for span in named(spans, "outer"):
        below = [other for other in named(spans, "inner") if other.parent_id == span.span_id]
        assert_below(below, span)
        assert len(below) == 5
        assert len({other.input["name"] for other in below}) == 1


def test_a_thread_pool_of_multiprocessing_works_below_the_span_that_made_it(spans: list[CapturedSpan]) -> None:
    def work() -> list[Any]:
        with ThreadPool(2) as pool:
            return pool.map(inner, [1, 2])

    assert outer(work) == [1, 2]
    assert_below(named(spans, "inner"), only(spans, "outer"))


def test_a_copied_context_carries_the_span_that_was_current_then(spans: list[CapturedSpan]) -> None:
    copied = outer(contextvars.copy_context)
    copied.run(inner, 1)
    outer(lambda: copied.run(inner, 2))
    in_thread(copied.run, inner, 3)
    first, second = named(spans, "outer")
    assert_below(named(spans, "inner"), first)
    assert second.parent_id is None


def test_an_empty_context_knows_no_span(spans: list[CapturedSpan]) -> None:
    outer(contextvars.Context().run, inner)
    assert only(spans, "inner").parent_id is None


def test_work_that_brings_its_own_context_to_a_pool_is_below_the_span_of_that(spans: list[CapturedSpan]) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(inner).result()  # its thread has been bound to no span

        def work() -> None:
            pool.submit(functools.partial(contextvars.copy_context().run, inner, "copied")).result()
            pool.submit(functools.partial(contextvars.Context().run, inner, "empty")).result()
            pool.submit(functools.partial(inner, "partial")).result()

        outer(work)
    within = {span.output: span for span in named(spans, "inner")}
    assert_below([within["copied"], within["partial"]], only(spans, "outer"))
    assert within["empty"].parent_id is None


def test_below_a_call_that_sampling_leaves_out_nothing_is_recorded_in_threads(
    trace_with: Callable[[str], list[CapturedSpan]],
) -> None:
    spans = trace_with("threads")
    with ThreadPoolExecutor(1) as pool:
        unsampled(in_thread, inner)
        unsampled(lambda: pool.submit(inner).result())
    assert named(spans, "inner") == []


def test_what_an_application_sets_in_its_context_is_what_it_is_untraced(spans: list[CapturedSpan]) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")
    seen: list[str] = []

    def work() -> None:
        variable.set("set")
        with ThreadPoolExecutor(1) as pool:
            pool.submit(lambda: seen.append(variable.get())).result()
        in_thread(lambda: seen.append(variable.get()))

    contextvars.copy_context().run(outer, work)
    assert seen == ["unset", "unset"]
    assert variable.get() == "unset"
