"""Streams that are broken off, closed elsewhere or dropped: one ended span up to their last step, and not a word."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry import trace as otel

from tests.weaving.twins import twins

SOURCE = """
    import asyncio

    def numbers():
        for number in range(9):
            yield number

    async def async_numbers():
        for number in range(9):
            await asyncio.sleep(0)
            yield number
"""


@pytest.fixture
def silence(caplog: Any, monkeypatch: Any) -> Iterator[None]:
    """Fail on any log line, warning or exception that nobody could raise, also of asyncio in its debug mode."""
    unraisable: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: unraisable.append(args.exc_value))
    with warnings.catch_warnings(), caplog.at_level(logging.INFO):
        warnings.simplefilter("error")
        yield
        gc.collect()
    assert (unraisable, caplog.records) == ([], [])


def in_a_cycle(stream: Any) -> None:
    holder: list[Any] = [stream]
    holder.append(holder)


def break_off(module: Any) -> None:
    for _ in module.numbers():
        break


def close(module: Any) -> None:
    stream = module.numbers()
    next(stream)
    stream.close()


def drop_in_a_cycle(module: Any) -> None:
    stream = module.numbers()
    next(stream)
    in_a_cycle(stream)


async def async_break_off(module: Any) -> None:
    async for _ in module.async_numbers():
        break
    await asyncio.sleep(0)


async def close_in_another_task(module: Any) -> None:
    stream = module.async_numbers()
    await anext(stream)
    await asyncio.create_task(stream.aclose())


async def read_in_several_tasks(module: Any) -> None:
    stream = module.async_numbers()
    for _ in range(3):
        await asyncio.create_task(stream.__anext__())
    await stream.aclose()


async def async_drop_in_a_cycle(module: Any) -> None:
    stream = module.async_numbers()
    await anext(stream)
    in_a_cycle(stream)


async def leave_open_at_the_end_of_the_loop(module: Any) -> None:
    stream = module.async_numbers()
    await anext(stream)


async def cancel_the_consumer(module: Any) -> None:
    async def consume() -> None:
        async for _ in module.async_numbers():
            await asyncio.sleep(3600)

    task = asyncio.create_task(consume())
    for _ in range(5):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


SYNC: list[Callable[[Any], None]] = [break_off, close, drop_in_a_cycle]
ASYNC: list[Callable[[Any], Any]] = [
    async_break_off,
    close_in_another_task,
    read_in_several_tasks,
    async_drop_in_a_cycle,
    leave_open_at_the_end_of_the_loop,
    cancel_the_consumer,
]


@pytest.mark.usefixtures("silence")
@pytest.mark.parametrize("way", SYNC)
def test_a_generator_left_early_leaves_one_ended_span_and_no_word(way: Callable[[Any], None]) -> None:
    with twins(SOURCE, "numbers") as (_, traced, spans):
        way(traced)
        gc.collect()
        assert otel.get_current_span() is otel.INVALID_SPAN
    [span] = spans
    assert (span.metadata["outcome"], span.level) == ("abandoned", "DEFAULT")


@pytest.mark.usefixtures("silence")
@pytest.mark.parametrize("way", ASYNC)
@pytest.mark.parametrize("debug", [False, True])
def test_an_async_generator_left_early_leaves_one_ended_span_and_no_word(way: Any, debug: bool) -> None:
    async def main(module: Any) -> None:
        await way(module)
        assert otel.get_current_span() is otel.INVALID_SPAN

    with twins(SOURCE, "async_numbers") as (_, traced, spans):
        asyncio.run(main(traced), debug=debug)
        gc.collect()
    [span] = spans
    assert (span.metadata["outcome"], span.level) == ("abandoned", "DEFAULT")


def test_a_dropped_generators_span_ends_with_its_last_step() -> None:
    with twins(SOURCE, "numbers") as (_, traced, spans):
        stream = traced.numbers()
        next(stream)
        before = time.perf_counter_ns()
        next(stream)
        after = time.perf_counter_ns()
        del stream
    assert before <= spans[0].stop <= after


def test_a_closed_generators_span_ends_with_its_close() -> None:
    with twins(SOURCE, "numbers") as (_, traced, spans):
        stream = traced.numbers()
        next(stream)
        before = time.perf_counter_ns()
        stream.close()
        after = time.perf_counter_ns()
    assert before <= spans[0].stop <= after


def test_a_dropped_async_generators_span_ends_with_its_last_step() -> None:
    async def main(module: Any) -> tuple[int, int]:
        stream = module.async_numbers()
        await anext(stream)
        before = time.perf_counter_ns()
        await anext(stream)
        after = time.perf_counter_ns()
        await asyncio.sleep(0)
        in_a_cycle(stream)
        return before, after

    with twins(SOURCE, "async_numbers") as (_, traced, spans):
        before, after = asyncio.run(main(traced))
        gc.collect()
    assert before <= spans[0].stop <= after


def test_a_stream_that_was_made_but_never_read_ends_with_the_call_that_made_it() -> None:
    source = SOURCE + "\n    def made():\n        return numbers()\n"
    with twins(source, "made") as (_, traced, spans):
        stream = traced.made()
        after = time.perf_counter_ns()
        del stream
    assert spans[0].stop <= after


def test_what_cleans_up_after_a_close_is_recorded_under_the_stream() -> None:
    source = """
        def clean():
            pass
        def numbers():
            try:
                yield 1
            finally:
                clean()
    """
    with twins(source, "clean", "numbers") as (_, traced, spans):
        stream = traced.numbers()
        next(stream)
        stream.close()
    cleaning, span = spans
    assert cleaning.parent_id == span.span_id
