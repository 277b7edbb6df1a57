"""Async generators keep their whole protocol under their span, in asyncio, trio and anyio."""

from __future__ import annotations

import asyncio
import collections.abc
import gc
import inspect
import sys
import types
import warnings
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.weaving.twins import described, outcome, twins

SOURCE = """
    import asyncio

    async def echo(log):
        heard = None
        try:
            while True:
                try:
                    heard = yield heard
                    await asyncio.sleep(0)
                except KeyError as exc:
                    heard = ("caught", exc.args)
                log.append(heard)
                if heard == "stop":
                    return
        finally:
            await asyncio.sleep(0)
            log.append("finally")

    async def stubborn():
        try:
            yield 1
        except GeneratorExit:
            yield 2

    async def plain():
        for number in range(3):
            yield number
"""


async def settle(step: Awaitable[Any]) -> Any:
    """Await one step, as an outcome."""
    try:
        return "returned", await step
    except BaseException as exc:
        return "raised", described(exc)


async def all_of(*steps: Callable[[], Awaitable[Any]]) -> Any:
    return [await settle(step()) for step in steps]


PROTOCOL: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "anext": lambda g: all_of(lambda: anext(g), lambda: anext(g), lambda: anext(g, "default")),
    "asend": lambda g: all_of(lambda: anext(g), lambda: g.asend(1), lambda: g.asend("stop"), lambda: anext(g, "none")),
    "asend_too_early": lambda g: all_of(lambda: g.asend(1), lambda: anext(g)),
    "athrow_caught": lambda g: all_of(lambda: anext(g), lambda: g.athrow(KeyError("k")), lambda: g.asend(2)),
    "athrow_uncaught": lambda g: all_of(lambda: anext(g), lambda: g.athrow(OSError("o")), lambda: anext(g)),
    "athrow_first": lambda g: all_of(lambda: g.athrow(OSError("o")), lambda: anext(g)),
    "aclose": lambda g: all_of(lambda: anext(g), g.aclose, lambda: anext(g), g.aclose),
    "aclose_first": lambda g: all_of(g.aclose, lambda: anext(g), g.aclose),
}


@pytest.mark.parametrize("question", PROTOCOL)
def test_a_traced_async_generator_answers_as_untraced(question: str) -> None:
    log: tuple[list[Any], list[Any]] = ([], [])

    async def ask(module: Any, log: list[Any]) -> Any:
        return await PROTOCOL[question](module.echo(log))

    with twins(SOURCE, "echo") as (untraced, traced, spans):
        expected = asyncio.run(ask(untraced, log[0]))
        assert asyncio.run(ask(traced, log[1])) == expected
    assert log[0] == log[1]
    assert len(spans) == (0 if question == "aclose_first" else 1)


def test_an_async_generator_looks_as_untraced() -> None:
    def look(g: Any) -> Any:
        step = g.__anext__()
        answer = [
            isinstance(g, types.AsyncGeneratorType),
            isinstance(g, collections.abc.AsyncGenerator),
            inspect.isasyncgen(g),
            inspect.isawaitable(g),
            aiter(g) is g,
            hasattr(g, "__iter__"),
            (g.ag_running, g.ag_await, g.ag_code.co_name, g.ag_frame is None, g.__name__),
            outcome(lambda: g.nothing),
            inspect.iscoroutine(step),
            inspect.isawaitable(step),
            asyncio.iscoroutine(step),
            isinstance(step, collections.abc.Coroutine),
        ]
        step.close()
        return answer

    with twins(SOURCE, "echo") as (untraced, traced, _):
        assert look(traced.echo([])) == look(untraced.echo([]))


def test_a_step_that_nobody_awaits_warns_as_untraced() -> None:
    def warned(module: Any) -> list[str]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for step in ("__anext__", "aclose"):
                getattr(module.plain(), step)()
            gc.collect()
        return [str(warning.message) for warning in caught]

    with twins(SOURCE, "plain") as (untraced, traced, spans):
        assert warned(traced) == warned(untraced)
    assert spans == []


def test_a_generator_that_will_not_be_closed_says_so_as_untraced() -> None:
    async def ask(module: Any) -> Any:
        stream = module.stubborn()
        return await all_of(lambda: anext(stream), stream.aclose, lambda: anext(stream))

    with twins(SOURCE, "stubborn") as (untraced, traced, _):
        assert asyncio.run(ask(traced)) == asyncio.run(ask(untraced))


def test_two_tasks_at_one_stream_get_what_they_got_untraced() -> None:
    async def ask(module: Any) -> Any:
        stream = module.echo([])
        first = await anext(stream)
        answers = await asyncio.gather(stream.asend(1), stream.asend(2), return_exceptions=True)
        rest = await stream.asend("still open")
        await stream.aclose()
        return [first, *map(str, answers), rest]

    with twins(SOURCE, "echo") as (untraced, traced, spans):
        assert asyncio.run(ask(traced)) == asyncio.run(ask(untraced))
    [span] = spans
    assert span.level == "DEFAULT"


def test_cancellation_within_a_step_reaches_the_body() -> None:
    source = """
        import asyncio
        async def slow(log):
            try:
                yield 1
                await asyncio.sleep(3600)
            except asyncio.CancelledError as exc:
                log.append(exc.args)
                raise
    """

    async def ask(module: Any, log: list[Any]) -> Any:
        stream = module.slow(log)
        await anext(stream)
        task = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        task.cancel("enough")
        return await settle(task)

    with twins(source, "slow") as (untraced, traced, spans):
        logs: tuple[list[Any], list[Any]] = ([], [])
        assert asyncio.run(ask(traced, logs[1])) == asyncio.run(ask(untraced, logs[0]))
    assert logs[0] == logs[1] == [("enough",)]
    assert len(spans) == 1


def test_the_event_loop_hears_of_the_generator_at_its_first_step_and_closes_it() -> None:
    async def ask(module: Any) -> list[Any]:
        first_seen: list[Any] = []
        hooks = sys.get_asyncgen_hooks()

        def firstiter(agen: Any) -> None:
            first_seen.append(type(agen))
            hooks.firstiter(agen)  # type: ignore[misc]

        sys.set_asyncgen_hooks(firstiter, hooks.finalizer)
        log: list[Any] = []
        stream = module.echo(log)
        seen = [list(first_seen)]
        await anext(stream)
        await anext(stream)
        seen.append(list(first_seen))
        await asyncio.get_running_loop().shutdown_asyncgens()
        return [*seen, log]

    with twins(SOURCE, "echo") as (untraced, traced, spans), warnings.catch_warnings():
        warnings.simplefilter("error")
        expected = asyncio.run(ask(untraced))
        assert asyncio.run(ask(traced)) == expected
        assert expected == [[], [types.AsyncGeneratorType], [None, "finally"]]
    assert len(spans) == 1


def test_trio_reads_closes_and_finalises_a_traced_async_generator(capfd: Any) -> None:
    trio = pytest.importorskip("trio")
    source = """
        import trio
        async def numbers(log):
            try:
                for number in range(5):
                    await trio.sleep(0)
                    yield number
            finally:
                log.append("closed")
        async def child(log):
            async for number in numbers(log):
                if number == 1:
                    break
    """

    async def main(module: Any, log: list[Any]) -> None:
        log_of_children: list[Any] = []  # of its own: trio runs tasks, and finalises, in an order of chance
        async with trio.open_nursery() as nursery:
            nursery.start_soon(module.child, log_of_children)
            nursery.start_soon(module.child, log_of_children)
        async for number in module.numbers(log):
            log.append(number)
        kept = module.numbers(log)
        await anext(kept)

    logs: tuple[list[Any], list[Any]] = ([], [])
    with twins(source, "numbers", "child") as (untraced, traced, spans), warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        trio.run(main, untraced, logs[0])
        trio.run(main, traced, logs[1])
        gc.collect()
    assert logs[0] == logs[1]
    assert sorted(span.name for span in spans) == ["child"] * 2 + ["numbers"] * 4
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_anyio_task_groups_and_cancel_scopes_work_around_traced_streams(backend: str) -> None:
    anyio = pytest.importorskip("anyio")
    pytest.importorskip(backend)
    source = """
        import anyio
        async def ticks():
            number = 0
            while True:
                await anyio.sleep(0)
                number += 1
                yield number
        async def consume(most):
            async for number in ticks():
                if number == most:
                    return number
        async def wait():
            await anyio.sleep(3600)
    """

    async def main(module: Any) -> Any:
        results: list[Any] = []

        async def collect(most: int) -> None:
            results.append(await module.consume(most))

        async with anyio.create_task_group() as group:
            group.start_soon(collect, 3)
            group.start_soon(collect, 2)
        with anyio.move_on_after(0) as scope:
            await module.wait()
        return sorted(results), scope.cancelled_caught

    with twins(source, "ticks", "consume", "wait") as (untraced, traced, spans):
        expected = anyio.run(main, untraced, backend=backend)
        assert anyio.run(main, traced, backend=backend) == expected == ([2, 3], True)
        gc.collect()
    assert sorted(span.name for span in spans) == ["consume", "consume", "ticks", "ticks", "wait"]
