"""What a call returns goes out as it is where somebody else has made it, and is held no longer than untraced."""

from __future__ import annotations

import asyncio
import copy
import gc
import operator
import pickle
import types
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from tests.weaving.twins import outcome, twins
from tracing_proxies import failures
from tracing_proxies.compiled import hot
from tracing_proxies.recording.capture import take_snapshot

SOURCE = """
    import contextlib

    class Thing:
        name = "thing"

    class Box:
        def keep(self, value):
            self.value = value
            return value

        def get(self):
            return self.value

    def dereferenced(reference):
        return reference()

    def items():
        yield 1
        yield 2

    async def async_items():
        yield 1
        yield 2

    async def coroutine():
        return 1

    @contextlib.contextmanager
    def manager():
        yield 1

    @contextlib.asynccontextmanager
    async def async_manager():
        yield 1

    def makes_items():
        made = items()
        return made

    def makes_async_items():
        made = async_items()
        return made

    def makes_async_items_of(number):
        async def inner():
            yield number
        return inner()

    async def primed():
        made = async_items()
        await made.__anext__()
        return made

    @contextlib.contextmanager
    def things():
        "Things."
        yield Thing()

    @contextlib.asynccontextmanager
    async def async_things():
        "Async things."
        yield Thing()

    @contextlib.contextmanager
    def texts():
        yield ["text"]

    def documented():
        "Documented."
        yield 1
"""
STREAMS = ("items", "async_items", "coroutine", "manager", "async_manager")


@pytest.mark.parametrize("rules", [("Box.*", "dereferenced"), ("Box.*", "dereferenced", *STREAMS)])
@pytest.mark.parametrize("name", STREAMS)
def test_what_somebody_else_has_made_goes_out_as_it_is(name: str, rules: tuple[str, ...]) -> None:
    with twins(SOURCE, *rules) as (_, traced, spans):
        made, box = getattr(traced, name)(), traced.Box()
        assert box.keep(made) is made
        assert box.get() is made
        assert traced.dereferenced(weakref.ref(made)) is made
        assert [span.recipe.function for span in spans] == ["keep", "get", "dereferenced"]
        assert all(span.stop is not None for span in spans)
        if name == "coroutine":
            assert asyncio.run(made) == 1
        del made, box
        gc.collect()


def test_a_coroutine_that_was_only_looked_at_is_not_closed() -> None:
    with twins(SOURCE, "Box.get") as (_, traced, spans):
        box = traced.Box()
        box.keep(traced.coroutine())
        box.get()
        assert asyncio.run(box.value) == 1
        assert len(spans) == 1


def test_a_stream_that_a_call_has_made_goes_on_under_its_span() -> None:
    with twins(SOURCE, "makes_*") as (_, traced, spans):
        assert list(traced.makes_items()) == [1, 2]

        async def read() -> list[list[int]]:
            found = [[item async for item in traced.makes_async_items()]]
            found.append([item async for item in traced.makes_async_items_of(3)])
            return found

        assert asyncio.run(read()) == [[1, 2], [3]]
        assert [span.output for span in spans] == [[1, 2], [1, 2], [3]]


def test_a_stream_that_is_under_way_is_handed_on() -> None:
    with twins(SOURCE, "primed") as (_, traced, spans):

        async def read() -> list[int]:
            return [item async for item in await traced.primed()]

        assert asyncio.run(read()) == [2]
        assert len(spans) == 1


async def _enter(module: Any, name: str) -> Any:
    async with getattr(module, name)() as thing:
        known = weakref.ref(thing)
        del thing
        return known()


def _entered(module: Any, name: str) -> Any:
    if name.startswith("async"):
        return asyncio.run(_enter(module, name))
    with getattr(module, name)() as thing:
        known = weakref.ref(thing)
        del thing
        return known()


@pytest.mark.parametrize("name", ["things", "async_things"])
def test_what_a_manager_gives_may_be_let_go_of_before_it_is_left(name: str) -> None:
    with twins(SOURCE, "things", "async_things") as (untraced, traced, spans):
        assert _entered(untraced, name) is None
        assert _entered(traced, name) is None
        assert [span.output for span in spans] == ["<twin_module.Thing>"]


def test_what_a_manager_gives_is_its_output() -> None:
    with twins(SOURCE, "things", "texts") as (_, traced, spans):
        with traced.things() as thing:
            assert thing.name == "thing"
        with traced.texts():
            pass
        assert [span.output for span in spans] == [take_snapshot(thing), ["text"]]


@pytest.mark.parametrize("name", ["things", "async_things", "documented", "items", "async_items"])
def test_what_stands_for_a_stream_or_manager_has_its_text_and_its_types_name(name: str) -> None:
    with twins(SOURCE, "*") as (untraced, traced, spans):
        plain, stands = getattr(untraced, name)(), getattr(traced, name)()
        assert stands.__doc__ == plain.__doc__
        assert type(stands).__name__ == type(plain).__name__
        refused = [outcome(lambda one=one: one[0]) for one in (plain, stands)]
        assert refused[0] == refused[1]
        del plain, stands
        gc.collect()
        spans.clear()


# As texts: comparing types is what is asked for here.
LOOKED_UP = (
    "type(function) in {types.FunctionType, int}",
    "{types.FunctionType: 1}.get(type(function))",
    "type(function) == types.FunctionType",
    "types.FunctionType == type(function)",
    "type(function) != types.FunctionType",
    "type(function) == types.MethodType",
    "type(function) == type(lambda: 1)",
    "copy._copy_dispatch.get(type(function)) is not None",
    "pickle._Pickler.dispatch.get(type(function)) is not None",
    "isinstance(type(function), type)",
)


@pytest.mark.parametrize("how", LOOKED_UP)
def test_a_function_is_found_where_functions_are_looked_up_by_type(how: str) -> None:
    names = {"types": types, "copy": copy, "pickle": pickle}
    with twins(SOURCE, "*") as (untraced, traced, _):
        assert eval(how, {**names, "function": traced.items}) == eval(how, {**names, "function": untraced.items})


MISUSES: dict[str, Callable[[Any], Any]] = {
    "an item": lambda function: function[0],
    "an item that is set": lambda function: function.__class__.__setitem__(function, 0, 1),
    "a length": len,
    "a number": float,
    "an index": lambda function: [1][function],
    "a value within": lambda function: 1 in function,
    "all items": lambda function: list(function),
    "a sum": lambda function: function + 1,
    "an absolute value": abs,
}


@pytest.mark.skipif(hot is None, reason="nothing is compiled here")
@pytest.mark.parametrize("how", MISUSES)
def test_a_wrong_use_of_a_function_is_refused_in_the_interpreters_words(how: str) -> None:
    with twins(SOURCE, "*") as (untraced, traced, _):
        answers = [outcome(lambda one=one: MISUSES[how](one.dereferenced)) for one in (untraced, traced)]
        assert answers[0] == answers[1]


def test_values_of_types_that_nobody_has_asked_anything_of_yet_are_recorded() -> None:
    failures.reset()
    code = types.FunctionType.__code__.__get__(test_a_stream_that_is_under_way_is_handed_on)
    with twins(SOURCE, "Box.*") as (_, traced, spans):
        for value in (code.co_positions(), code.co_lines()) if hasattr(code, "co_positions") else (code.co_lines(),):
            traced.Box().keep(value)
        assert failures.counts() == {}
        assert len(spans) == len([span for span in spans if str(span.output).startswith("<")])


RETRIES = """
    import contextlib, sys

    def items():
        yield 1
        yield 2

    class Client:
        def refuse(self):
            raise ValueError("refused")

        def retried(self):
            last = None
            for attempt in range(2):
                try:
                    if not attempt:
                        self.refuse()
                    made = items()
                    return made
                except ValueError as exc:
                    last = exc

        def fallen_back(self):
            try:
                self.refuse()
            except ValueError as exc:
                self.last = exc
            made = items()
            return made

        def watched(self):
            frame = sys._getframe()
            self.frame = frame
            made = items()
            return made

        def kept(self):
            made = self.made = items()
            try:
                self.refuse()
            except ValueError as exc:
                self.last = exc
            return made
"""


@pytest.mark.skipif(hot is None or not hot.recount(0), reason="it is not known here what frames hold")
@pytest.mark.parametrize("name", ["retried", "fallen_back", "watched"])
def test_a_stream_goes_on_though_the_frame_that_made_it_is_kept(name: str) -> None:
    with twins(RETRIES, f"Client.{name}") as (_, traced, spans):
        client = traced.Client()
        assert list(getattr(client, name)()) == [1, 2]
        assert [span.output for span in spans] == [[1, 2]]
        del client
        gc.collect()


def test_what_is_held_and_in_a_frame_that_is_kept_goes_out_as_it_is() -> None:
    with twins(RETRIES, "Client.kept") as (_, traced, spans):
        client = traced.Client()
        assert client.kept() is client.made
        assert len(spans) == 1
        del client
        gc.collect()


def test_what_a_manager_holds_until_it_is_left_is_its_output_in_full() -> None:
    source = """
        import contextlib, dataclasses

        @dataclasses.dataclass
        class Session:
            id: int

        @contextlib.contextmanager
        def session():
            made = Session(7)
            yield made
    """
    with twins(source, "session") as (_, traced, spans):
        with traced.session():
            pass
        assert [span.output for span in spans] == [{"id": 7}]


def test_the_class_of_functions_leaves_other_comparisons_to_the_other_side() -> None:
    class Anything:
        def __eq__(self, other: object) -> bool:
            return True

    with twins(SOURCE, "*") as (_, traced, _spans):
        assert operator.eq(type(traced.items), Anything())
        assert operator.ne(type(traced.items), int)
