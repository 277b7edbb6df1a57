"""Streams that are no generators: with a fold their span lasts to their end, else they are handed on untouched."""

from __future__ import annotations

import asyncio
import collections.abc
import gc
import inspect
import io
import sys
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from tests.weaving.folds import chosen
from tests.weaving.twins import outcome, twins
from tracing_proxies.weaving.stream import is_passed_over

FOLD = {"fold": "tests.weaving.folds:joined"}
SOURCE = """
    import asyncio

    def leaf(item):
        return item

    def each(items):
        yield from items

    class Stream:
        '''As a client library has it: an iterator that is closed and entered.'''
        kind = "events"

        def __init__(self, items, error=None):
            self.items = iter(items)
            self.error = error
            self.log = []

        def __iter__(self):
            return self

        def __next__(self):
            for item in self.items:
                return leaf(item)
            if self.error is not None:
                raise self.error
            raise StopIteration("the end")

        def __enter__(self):
            self.log.append("entered")
            return self

        def __exit__(self, kind, exc, traceback):
            self.close()
            return kind is KeyError

        def close(self):
            self.log.append("closed")
            return "was closed"

        @property
        def seen(self):
            return list(self.log)

    class Lines:
        '''Iterated by a generator of its own.'''
        def __init__(self, items):
            self.items = items
        def __iter__(self):
            for item in self.items:
                yield leaf(item)
        def __len__(self):
            return len(self.items)
        def __eq__(self, other):
            return other == self.items
        def close(self):
            pass

    class AsyncStream:
        def __init__(self, items):
            self.items = iter(items)
            self.log = []
        def __aiter__(self):
            return self
        async def __anext__(self):
            await asyncio.sleep(0)
            for item in self.items:
                return leaf(item)
            raise StopAsyncIteration
        async def __aenter__(self):
            return self
        async def __aexit__(self, kind, exc, traceback):
            await self.close()
        async def close(self):
            self.log.append("closed")

    class AsyncLines:
        def __init__(self, items):
            self.items = items
        async def __aiter__(self):
            for item in self.items:
                await asyncio.sleep(0)
                yield leaf(item)
        async def aclose(self):
            pass

    class Fields:
        '''A model, whose fields can be iterated.'''
        def __iter__(self):
            yield "a", 1

    def make(what, *args, **kwargs):
        return globals()[what](*args, **kwargs)

    async def make_later(what, *args):
        await asyncio.sleep(0)
        return globals()[what](*args)

    def hand_on(value):
        return value
"""


def reads(module: Any) -> Any:
    stream = module.make("Stream", "abc")
    return [list(stream), outcome(lambda: next(stream)), stream.seen]


def reads_by_steps(module: Any) -> Any:
    stream = module.make("Stream", "ab")
    return [next(stream), stream.__next__(), outcome(lambda: next(stream)), outcome(lambda: next(stream))]


def reads_within(module: Any) -> Any:
    with module.make("Stream", "abc") as stream:
        items = list(stream)
    return items, stream.seen


def fails(module: Any) -> Any:
    stream = module.make("Stream", "a", error=OSError("gone"))
    return [outcome(lambda: list(stream)), stream.seen]


def suppresses(module: Any) -> Any:
    with module.make("Stream", "abc") as stream:
        raise KeyError(next(stream))
    return stream.seen


def looks(module: Any) -> Any:
    stream = module.make("Stream", "abc")
    stream.kind = "other"
    answers = [
        isinstance(stream, module.Stream),
        stream.__class__ is module.Stream,
        iter(stream) is stream,
        isinstance(stream, collections.abc.Iterator),
        isinstance(stream, collections.abc.Sized),
        isinstance(stream, collections.abc.AsyncIterator),
        hasattr(stream, "__len__"),
        hasattr(stream, "__aiter__"),
        hasattr(stream, "nothing"),
        callable(stream),
        stream.kind,
        sorted(vars(stream)),
        dir(stream) == dir(module.Stream("x")) or sorted(set(dir(stream)) - set(dir(module.Stream("x")))),
        stream == stream,
        {stream: 1}[stream],
        stream.close(),
    ]
    del stream.kind
    return [*answers, stream.kind, list(stream)]


def iterates_by_generator(module: Any) -> Any:
    lines = module.make("Lines", "abc")
    return [len(lines), lines == "abc", [*lines], list(lines), inspect.isgenerator(iter(lines))]


def iterates_without_holding_it(module: Any) -> Any:
    return list(module.make("Lines", "abc"))


async def awaits(module: Any) -> Any:
    stream = module.make("AsyncStream", "abc")
    return [[item async for item in stream], await anext(stream, "over"), stream.log]


async def awaits_within(module: Any) -> Any:
    async with await module.make_later("AsyncStream", "abc") as stream:
        return [item async for item in stream]


async def awaits_lines(module: Any) -> Any:
    return [item async for item in module.make("AsyncLines", "abc")]


SYNC: dict[str, tuple[Callable[[Any], Any], str, str | None]] = {
    "read": (reads, "DEFAULT", None),
    "read by steps": (reads_by_steps, "DEFAULT", None),
    "read within": (reads_within, "DEFAULT", None),
    "failed": (fails, "ERROR", None),
    "suppressed": (suppresses, "DEFAULT", "abandoned"),
    "looked at": (looks, "DEFAULT", "abandoned"),
    "iterated by a generator": (iterates_by_generator, "DEFAULT", None),
    "iterated without holding it": (iterates_without_holding_it, "DEFAULT", None),
}


@pytest.mark.parametrize("way", SYNC)
def test_a_stream_object_answers_as_untraced_and_leaves_one_span(way: str) -> None:
    use, level, left = SYNC[way]
    with twins(SOURCE, ("make", FOLD)) as (untraced, traced, spans):
        assert outcome(lambda: use(traced)) == outcome(lambda: use(untraced))
        [span] = spans
    assert (span.level, span.metadata.get("outcome")) == (level, left)


@pytest.mark.parametrize("use", [awaits, awaits_within, awaits_lines])
def test_an_async_stream_object_answers_as_untraced_and_leaves_one_span(use: Callable[[Any], Any]) -> None:
    with twins(SOURCE, ("make", FOLD), ("make_later", FOLD)) as (untraced, traced, spans):
        assert asyncio.run(use(traced)) == asyncio.run(use(untraced))
        [span] = spans
    assert (span.level, span.output, span.metadata.get("outcome")) == ("DEFAULT", "abc", None)


@pytest.mark.parametrize("way", ["Stream", "Lines"])
def test_items_are_folded_and_their_work_lies_below_the_stream(way: str) -> None:
    with twins(SOURCE, ("make", FOLD), "leaf") as (_, traced, spans):
        assert list(traced.make(way, "abc")) == ["a", "b", "c"]
    *leaves, stream = spans
    assert stream.output == "abc"
    assert [leaf.parent_id for leaf in leaves] == [stream.span_id] * 3


@pytest.mark.parametrize("compiled", [True, False])
def test_a_fold_passes_over_dicts_without_the_keys_that_it_wants(compiled: bool) -> None:
    items = [{"text": 1}, {"other": 2}, {}, "a", {3: 4}, {"other": 5, "more": 6}, ["text"]]
    fold: Any = chosen(None, {})
    if compiled:
        with twins(SOURCE, ("each", {"fold": "tests.weaving.folds:chosen"})) as (_, traced, spans):
            assert list(traced.each(items)) == items
        [span] = spans
        found = span.output
    else:
        for item in items:
            if not is_passed_over(fold, item):
                fold.add(item)
        found = fold.value()
    assert found == "{'text': 1}a{'other': 5, 'more': 6}['text']"


def test_a_stream_object_that_is_dropped_leaves_its_span_up_to_its_last_step() -> None:
    with twins(SOURCE, ("make", FOLD)) as (_, traced, spans):
        stream = traced.make("Stream", "abc")
        next(stream)
        assert spans == []
        del stream
        [span] = spans
    assert span.metadata["outcome"] == "abandoned"


def test_an_async_stream_object_that_is_closed_early_leaves_its_span() -> None:
    async def main(module: Any) -> Any:
        stream = module.make("AsyncStream", "abc")
        await anext(stream)
        closing = stream.close()
        assert inspect.iscoroutine(closing)
        await asyncio.create_task(closing)
        return stream.log

    with twins(SOURCE, ("make", FOLD)) as (_, traced, spans):
        assert asyncio.run(main(traced)) == ["closed"]
        [span] = spans
    assert span.metadata["outcome"] == "abandoned"


def test_what_is_no_stream_is_handed_on_as_the_same_object() -> None:
    with twins(SOURCE, ("hand_on", FOLD)) as (_, traced, spans):
        for value in ([1], "text", {"a": 1}, traced.Fields(), None, 5, (1,), range(3)):
            assert traced.hand_on(value) is value
        assert len(spans) == 8


def test_a_stream_that_the_call_was_given_is_handed_on_as_the_same_object() -> None:
    with twins(SOURCE, ("hand_on", FOLD)) as (_, traced, spans):
        stream = traced.Stream("abc")
        assert traced.hand_on(stream) is stream
        assert traced.hand_on(value=stream) is stream
        assert len(spans) == 2


@pytest.mark.parametrize("value", [iter([1]), map(str, [1]), zip(), io.StringIO("a"), enumerate([1]), reversed([1])])
def test_without_a_fold_an_iterator_is_handed_on_as_the_same_object(value: Any) -> None:
    source = "held = []\ndef answer():\n    return held[0]\n"
    with twins(source, "answer") as (_, traced, spans):
        traced.held.append(value)
        assert traced.answer() is value
        assert len(spans) == 1


def test_without_a_fold_a_users_iterator_is_handed_on_as_the_same_type() -> None:
    with twins(SOURCE, "make") as (_, traced, spans):
        assert type(traced.make("Stream", "abc")) is traced.Stream
        assert len(spans) == 1


def test_a_stream_object_and_its_class_are_freed_when_nobody_holds_them() -> None:
    gc.disable()
    try:
        with twins(SOURCE, ("make", FOLD)) as (_, traced, _spans):
            stream = traced.make("Stream", "abc")
            gone = weakref.ref(stream._tp_wrapped)
            list(stream)
            assert sys.getrefcount(stream) == 2
            del stream
            assert gone() is None
    finally:
        gc.enable()
