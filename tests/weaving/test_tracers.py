"""Tracers, profilers and debuggers of the application see what they see untraced, and nothing of ours."""

from __future__ import annotations

import asyncio
import bdb
import contextlib
import importlib
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.weaving.support import woven
from tests.weaving.twins import twins
from tracing_proxies.compiled import hot
from tracing_proxies.delivery.native import make_thread
from tracing_proxies.weaving.internal import FILE

pytestmark = pytest.mark.skipif(hot is None, reason="a tracer sees all that is ours")

SOURCE = """
    import asyncio
    import contextlib
    import functools

    def plain(number):
        return number + 1

    def fails(number):
        raise ValueError(number)

    def generator(number):
        for each in range(number):
            yield each

    def broken(number):
        yield number
        raise ValueError(number)

    async def coroutine(number):
        await asyncio.sleep(0)
        return number

    async def failing(number):
        raise ValueError(number)

    async def sleeper():
        await asyncio.sleep(60)

    async def items(number):
        for each in range(number):
            yield each

    @contextlib.contextmanager
    def manager():
        yield 1

    @contextlib.asynccontextmanager
    async def later():
        yield 1

    @functools.lru_cache
    def cached(number):
        return number

    class Order:
        @property
        def total(self):
            return 3

        @classmethod
        def make(cls):
            return cls()

        def price(self):
            return self.total
"""
NAMES = [
    *("plain", "fails", "generator", "broken", "coroutine", "failing", "sleeper", "items", "manager", "later"),
    *("cached", "Order.total", "Order.make", "Order.price"),
]


def _drop(module: Any) -> None:
    next(module.generator(3))


def _throw(module: Any) -> None:
    generator = module.generator(3)
    next(generator)
    generator.throw(ValueError("thrown"))


def _close(module: Any) -> None:
    generator = module.generator(3)
    generator.send(None)
    generator.close()


def _enter(module: Any) -> None:
    with module.manager():
        raise ValueError


async def _all(module: Any) -> None:
    async for _ in module.items(3):
        pass


async def _step(module: Any) -> None:
    items = module.items(3)
    await items.asend(None)
    await items.aclose()


async def _cancel(module: Any) -> None:
    task = asyncio.ensure_future(module.sleeper())
    await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _enter_later(module: Any) -> None:
    async with module.later():
        pass


def _run(use: Callable[[Any], Any]) -> Callable[[Any], None]:
    return lambda module: asyncio.run(use(module))


UNSEEN: dict[str, Callable[[Any], Any]] = {
    "a call": lambda module: module.plain(1),
    "a call that fails": lambda module: module.fails(1),
    "a generator": lambda module: list(module.generator(3)),
    "a generator that fails": lambda module: list(module.broken(3)),
    "a generator that is dropped": _drop,
    "an async generator": _run(_all),
    "a generator that is thrown into": _throw,
    "a generator that is closed": _close,
    "a context manager that fails": _enter,
    "a cached function": lambda module: module.cached(1),
    "methods": lambda module: module.Order.make().price(),
}
FRAMED: dict[str, Callable[[Any], Any]] = {
    "a coroutine": _run(lambda module: module.coroutine(1)),
    "a coroutine that fails": _run(lambda module: module.failing(1)),
    "a coroutine that is cancelled": _run(_cancel),
    "an async generator that is closed": _run(_step),
    "an async context manager": _run(_enter_later),
}
USES = UNSEEN | FRAMED
_APPLICATION = ("<twin_module>", __file__)


def _is_ours(code: Any) -> bool:
    return "tracing_proxies" in code.co_filename or "wrapt" in code.co_filename


class Seen:
    """What a tracer or profiler is told of the application's frames, and the files and names of those of ours."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, int]] = []
        self.ours: set[tuple[str, str]] = set()

    def __call__(self, frame: Any, event: str, arg: Any) -> Any:
        code = frame.f_code
        if code.co_filename in _APPLICATION:
            self.events.append((event, code.co_name, frame.f_lineno))
        elif _is_ours(code):
            self.ours.add((code.co_filename, code.co_name))
        return self

    def of_python(self) -> list[tuple[str, str, int]]:
        """Leave out the calls of what is written in C."""
        return [event for event in self.events if not event[0].startswith("c_")]


@contextlib.contextmanager
def _set(setter: Callable[[Any], None], tracer: Any) -> Iterator[None]:
    before = sys.gettrace() if setter is sys.settrace else sys.getprofile()
    setter(tracer)
    try:
        yield
    finally:
        setter(before)


def _watch(setter: Callable[[Any], None], use: Callable[[Any], Any], module: Any) -> Seen:
    seen = Seen()
    with contextlib.suppress(ValueError), _set(setter, seen):
        use(module)
    return seen


@pytest.mark.parametrize("setter", [sys.settrace, sys.setprofile])
@pytest.mark.parametrize("kind", USES)
def test_a_tracer_is_told_of_the_same_and_of_nothing_of_ours(kind: str, setter: Callable[[Any], None]) -> None:
    with twins(SOURCE, *NAMES) as (untraced, traced, spans):
        for _ in range(2):  # the first call has to learn
            expected, found = (_watch(setter, USES[kind], module) for module in (untraced, traced))
            assert expected.ours == set()
            if kind in UNSEEN:
                assert found.events == expected.events != []
                assert found.ours == set()
            else:  # a method of ours stands for one of the interpreter's
                assert found.of_python() == expected.of_python() != []
                assert {file for file, _ in found.ours} <= {FILE}
        assert len(spans) >= 2


@pytest.mark.parametrize("kind", UNSEEN)
def test_a_debugger_steps_from_the_callers_line_into_the_body_and_back(kind: str) -> None:
    class Debugger(bdb.Bdb):
        def user_line(self, frame: Any) -> None:
            code = frame.f_code
            if code.co_filename in _APPLICATION or _is_ours(code):  # an event loop's own way depends on the time
                stops.append((code.co_filename, code.co_name, frame.f_lineno))
            self.set_step()

    with twins(SOURCE, *NAMES) as (untraced, traced, _):
        found = []
        for module in (untraced, traced):
            stops: list[tuple[str, str, int]] = []
            with contextlib.suppress(ValueError):
                Debugger().runcall(USES[kind], module)
            found.append(stops)
        assert found[1] == found[0] != []


def test_a_tracer_that_a_traced_call_sets_goes_on_after_it_and_one_that_it_removes_is_gone() -> None:
    source = """
        import sys

        def begin(tracer):
            sys.settrace(tracer)

        def end():
            sys.settrace(None)

        def work():
            return 1
    """
    with twins(source, "begin", "end", "work") as (untraced, traced, _):
        told = []
        for module in (untraced, traced):
            seen = Seen()
            module.begin(seen)
            module.work()
            assert sys.gettrace() is seen
            module.end()
            assert sys.gettrace() is None
            module.work()
            told.append(seen)
        assert told[0].events == told[1].events != []
        assert told[1].ours == set()


@pytest.mark.parametrize("setter", [sys.settrace, sys.setprofile])
def test_a_tracer_sees_the_body_of_a_module_that_is_woven_and_of_ours_that_a_finder_is_asked(
    setter: Callable[[Any], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "seen_module.py").write_text("def work():\n    return 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    seen = Seen()
    with woven("seen_module:work") as spans:
        with _set(setter, seen):
            module = importlib.import_module("seen_module")
        module.work()
        del sys.modules["seen_module"]
    assert len(spans) == 1
    assert {file for file, _ in seen.ours} == {FILE}
    assert {name for _, name in seen.ours} == {"find_spec"}


@pytest.mark.skipif(sys.version_info < (3, 12), reason="tracers are set for all threads at once since Python 3.12")
@pytest.mark.parametrize("setting", ["settrace_all_threads", "setprofile_all_threads"])
def test_our_threads_are_not_traced_with_all_others(setting: str) -> None:
    seen, begun, ended = Seen(), queue.SimpleQueue[None](), queue.SimpleQueue[None]()

    def work() -> None:
        begun.get()
        ended.put(None)

    thread = make_thread("seen", work, awaited=True)
    thread.start()
    getattr(threading, setting)(seen)
    try:
        begun.put(None)
        ended.get()
    finally:
        getattr(threading, setting)(None)
    thread.join(5.0)
    assert "work" not in {name for _, name, _ in seen.events}
    assert seen.ours == set()
