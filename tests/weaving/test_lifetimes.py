"""Nothing lives longer, and no frame or exception looks different to the application, for having been traced."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import re
import sys
import traceback
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.weaving.twins import described, outcome, twins
from tracing_proxies.compiled import hot

SOURCE = """
    import asyncio, contextlib, functools, sys, weakref

    class Thing:
        def __init__(self, name="thing"):
            self.name = name

        def method(self, *args, **kwargs):
            return Thing("made")

        def chained(self):
            return self

        @property
        def size(self):
            return Thing("size")

        @classmethod
        def made(cls, *args):
            return cls("made")

        @staticmethod
        def static(*args):
            return Thing("made")

        async def coroutine(self, *args):
            return Thing("made")

    def plain(*args, **kwargs):
        return Thing("made")

    async def coroutine(*args):
        await asyncio.sleep(0)
        return Thing("made")

    def generator(*args):
        yield Thing("yielded")
        yield Thing("yielded")

    async def async_generator(*args):
        yield Thing("yielded")
        yield Thing("yielded")

    @contextlib.contextmanager
    def manager(*args):
        yield Thing("yielded")

    @contextlib.asynccontextmanager
    async def async_manager(*args):
        yield Thing("yielded")

    class Trouble(Exception):
        pass

    def fails(*args):
        raise Trouble(Thing("raised"))

    def chains(*args):
        try:
            raise Trouble("first")
        except Trouble as exc:
            raise Trouble("second") from exc

    def chains_silently():
        try:
            raise KeyError("first")
        except KeyError:
            raise ValueError("second")

    def hides():
        try:
            raise KeyError("first")
        except KeyError:
            raise ValueError("second") from None

    def handled():
        return sys.exc_info()[0], sys.exc_info()[1]

    def reraises():
        raise

    def stops(*args):
        raise StopIteration("value")

    def exits(code):
        sys.exit(code)

    def interrupts():
        raise KeyboardInterrupt

    def outer(*args):
        return inner(*args)

    def inner(*args):
        return innermost(*args)

    def innermost(*args):
        raise Trouble(args)

    def noted():
        exc = ValueError("noted")
        exc.__notes__ = ["one", "two"]
        raise exc

    def down(depth):
        return 0 if depth == 0 else 1 + down(depth - 1)

    def endless(depth=0):
        return endless(depth + 1)
"""


@pytest.fixture(autouse=True, scope="module")
def nothing_old_is_collected() -> Iterator[None]:
    """Spare the collector what was there before: with all that the tests have imported, a collection takes long."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def by_reference_counts_only() -> Iterator[None]:
    """Leave nothing to the collector of cycles, and demand that there is nothing for it."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def read(stream: Any) -> list[Any]:
    return [weakref.ref(item) async for item in stream]


async def entered(manager: Any) -> Any:
    async with manager as value:
        return weakref.ref(value)


def within(manager: Any) -> Any:
    with manager as value:
        return weakref.ref(value)


# Each use is given the module and an argument, and returns weak references to what came of it.
USES: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "function": ("plain", lambda m, a: [weakref.ref(m.plain(a, key=a))]),
    "method": ("Thing.method", lambda m, a: [weakref.ref(a.method(a, key=a))]),
    "method of the class": ("Thing.method", lambda m, a: [weakref.ref(m.Thing.method(a, a))]),
    "bound method": ("Thing.method", lambda m, a: [weakref.WeakMethod(a.method), weakref.ref(a.method())]),
    "result that is the instance": ("Thing.chained", lambda m, a: [weakref.ref(a.chained())]),
    "property": ("Thing.size", lambda m, a: [weakref.ref(a.size)]),
    "class method": ("Thing.made", lambda m, a: [weakref.ref(m.Thing.made(a))]),
    "static method": ("Thing.static", lambda m, a: [weakref.ref(m.Thing.static(a))]),
    "init": ("Thing.__init__", lambda m, a: [weakref.ref(m.Thing("name"))]),
    "coroutine": ("coroutine", lambda m, a: [asyncio.run(referred(m.coroutine(a)))]),
    "coroutine method": ("Thing.coroutine", lambda m, a: [asyncio.run(referred(a.coroutine(a)))]),
    "generator": ("generator", lambda m, a: [weakref.ref(item) for item in m.generator(a)]),
    "generator half read": ("generator", lambda m, a: [weakref.ref(next(m.generator(a)))]),
    "generator not read": ("generator", lambda m, a: [weakref.ref(m.generator(a))]),
    "async generator": ("async_generator", lambda m, a: asyncio.run(read(m.async_generator(a)))),
    "manager": ("manager", lambda m, a: [within(m.manager(a))]),
    "manager not entered": ("manager", lambda m, a: [weakref.ref(m.manager(a))]),
    "async manager": ("async_manager", lambda m, a: [asyncio.run(entered(m.async_manager(a)))]),
    "exception": ("fails", lambda m, a: [caught(m.fails, a)]),
    "exception through several frames": ("*", lambda m, a: [caught(m.outer, a)]),
    "exception with a cause": ("chains", lambda m, a: [caught(m.chains, a)]),
}


async def referred(awaitable: Any) -> Any:
    return weakref.ref(await awaitable)


def caught(function: Any, *args: Any) -> Any:
    try:
        function(*args)
    except Exception as exc:
        return weakref.ref(exc.args[0]) if hasattr(exc.args[0], "name") else weakref.ref(exc)


@pytest.mark.usefixtures("by_reference_counts_only")
@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("nested", ["merge", "child"])
def test_what_a_call_was_given_and_gave_is_freed_when_the_application_lets_go(use: str, nested: str) -> None:
    pattern, call = USES[use]
    with twins(SOURCE, (pattern, {"nested": nested})) as (untraced, traced, spans):
        alive = []
        for module in (untraced, traced):
            argument = module.Thing()
            gone = [weakref.ref(argument), *call(module, argument)]
            del argument
            alive.append([reference() is not None for reference in gone])
        assert alive[1] == alive[0]
        assert not any(alive[1])
        spans.clear()


@pytest.mark.parametrize("use", USES)
def test_a_call_leaves_no_cycle_for_the_collector(use: str) -> None:
    pattern, call = USES[use]
    with twins(SOURCE, pattern) as (untraced, traced, spans):
        left = []
        for module in (untraced, traced):
            call(module, module.Thing())  # what the first call alone leaves: caches of the standard library
            gc.collect()
            gc.disable()
            try:
                for _ in range(20):
                    call(module, module.Thing())
                spans.clear()
                left.append(gc.collect())
            finally:
                gc.enable()
        assert left[1] <= left[0]


def without_addresses(value: Any) -> str:
    return re.sub("0x[0-9a-f]+", "0x", repr(value))


RAISING = ("fails", "chains", "chains_silently", "hides", "outer", "noted", "stops", "interrupts")


@pytest.mark.parametrize("name", RAISING)
def test_an_exceptions_traceback_has_the_applications_frames_and_chain(name: str) -> None:
    def frames(exc: BaseException) -> list[str]:
        found = traceback.extract_tb(exc.__traceback__)
        return [f"{frame.name}:{frame.lineno}" for frame in found if frame.filename == "<twin_module>"]

    with twins(SOURCE, "*") as (untraced, traced, _):
        answers = []
        for module in (untraced, traced):
            try:
                getattr(module, name)()
            except BaseException as exc:
                answers.append((frames(exc), without_addresses(described(exc)), exc.__suppress_context__))
        assert answers[1] == answers[0]


def test_an_exceptions_argument_and_identity_pass_unchanged() -> None:
    with twins(SOURCE, "*") as (_, traced, _spans):
        with pytest.raises(traced.Trouble) as caught:
            traced.outer(1)
        assert caught.value.args == ((1,),)
        with pytest.raises(SystemExit) as ended:
            traced.exits(3)
        assert ended.value.code == 3


def test_a_handler_sees_its_exception_through_a_traced_call() -> None:
    with twins(SOURCE, "handled", "reraises") as (_, traced, _spans):
        error = KeyError("k")
        try:
            raise error
        except KeyError:
            assert traced.handled() == (KeyError, error)
            assert sys.exc_info()[1] is error
            with pytest.raises(KeyError) as caught:
                traced.reraises()
            assert caught.value is error
        assert sys.exc_info() == (None, None, None)
        assert traced.handled() == (None, None)


def test_an_exception_within_a_handler_gets_the_handled_one_as_its_context() -> None:
    def ask(module: Any) -> Any:
        try:
            raise KeyError("handled")
        except KeyError:
            return without_addresses(outcome(module.fails))

    with twins(SOURCE, "fails") as (untraced, traced, _):
        assert ask(traced) == ask(untraced)


def test_a_stop_iteration_of_a_plain_function_passes_and_is_no_error() -> None:
    with twins(SOURCE, "stops") as (_, traced, spans):
        with pytest.raises(StopIteration) as caught:
            traced.stops()
        assert caught.value.value == "value"
        assert list(map(traced.stops, [1, 2])) == []
    assert {span.level for span in spans} == {"DEFAULT"}


def test_recursion_to_a_fifth_of_the_limit_works_traced() -> None:
    with twins(SOURCE, ("down", {"nested": "child"})) as (untraced, traced, spans):
        depth = sys.getrecursionlimit() // 5
        assert traced.down(depth) == untraced.down(depth) == depth
        assert len(spans) == depth + 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_endless_recursion_ends_in_a_recursion_error_and_all_spans_end(monkeypatch: Any) -> None:
    monkeypatch.setenv("TRACING_PROXIES_STRICT", "0")
    with twins(SOURCE, "endless", "plain") as (_, traced, spans):
        with pytest.raises(RecursionError):
            traced.endless()
        assert spans
        spans.clear()
        assert traced.plain().name == "made"
        assert len(spans) == 1
        assert spans[0].parent_id is None


def test_a_result_held_by_a_span_that_was_kept_is_a_copy() -> None:
    gc.disable()
    try:
        with twins(SOURCE, "plain") as (_, traced, spans):
            gone = weakref.ref(traced.plain())
            assert gone() is None
            assert spans[0].output is not None
    finally:
        gc.enable()


def test_an_argument_is_not_held_by_a_coroutine_that_has_ended() -> None:
    async def main(module: Any) -> None:
        argument = module.Thing()
        gone = weakref.ref(argument)
        coroutine = module.coroutine(argument)
        del argument
        await coroutine
        assert gone() is None
        with contextlib.suppress(RuntimeError):
            await coroutine

    with twins(SOURCE, "coroutine") as (untraced, traced, _):
        asyncio.run(main(untraced))
        asyncio.run(main(traced))


@pytest.mark.skipif(hot is None, reason="nothing is compiled here")
@pytest.mark.parametrize("cancelled", [False, True])
def test_a_coroutine_that_the_collector_frees_unbegun_warns_as_it_would_untraced(cancelled: bool) -> None:
    def leave(module: Any) -> list[str]:
        coroutine = module.wait()
        error: Any = ValueError()
        if cancelled:  # as a task is that never had its turn
            with pytest.raises(ValueError, match=r"^$"):
                coroutine.throw(error)
        error.circle = error, coroutine
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            del coroutine, error
            gc.collect()
        return [str(warning.message) for warning in caught]

    with twins("async def wait():\n    pass", "wait") as (untraced, traced, _):
        plain = leave(untraced)
        assert leave(traced) == plain
    assert len(plain) == (not cancelled)
