"""The collector comes as often as untraced: what stands for calls under way does not call for it."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.weaving.twins import twins
from tracing_proxies.compiled import hot
from tracing_proxies.registry.model import CaptureSettings

pytestmark = pytest.mark.skipif(hot is None, reason="nothing is compiled here")

SOURCE = """
    async def wait(gate, number):
        await gate.wait()
        return number

    async def stream(gate):
        yield 1
        await gate.wait()
        yield 2

    def count():
        yield 1
        yield 2
"""
CALLS = 200


@pytest.fixture(autouse=True)
def never_collected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def held(module: Any) -> int:
    """Begin many calls, and tell how many objects the collector counts while they are under way."""
    gate = asyncio.Event()
    before = gc.get_count()[0]
    waiting = [module.wait(gate, number) for number in range(CALLS)]
    streams: list[AsyncIterator[int]] = [module.stream(gate) for _ in range(CALLS)]
    generators = [module.count() for _ in range(CALLS)]
    for coroutine in waiting:
        coroutine.send(None)
    for each, generator in zip(streams, generators, strict=True):
        assert await anext(each) == next(generator) == 1
    counted = gc.get_count()[0] - before
    for coroutine in waiting:
        coroutine.close()
    for each, generator in zip(streams, generators, strict=True):
        await each.aclose()  # type: ignore[attr-defined]
        generator.close()
    return counted


def test_calls_under_way_are_few_more_objects_than_untraced() -> None:
    with twins(SOURCE, "wait", "stream", "count") as (untraced, traced, spans):
        more = asyncio.run(held(traced)) - asyncio.run(held(untraced))
        assert len(spans) == 3 * CALLS
    assert more < 3 * CALLS * 4  # which are the contexts that they run in; were all counted it would be twice as many


def test_a_circle_through_a_call_under_way_is_freed() -> None:
    source = """
        class Shop:
            def watch(self):
                yield self
    """
    with twins(source, "Shop.watch") as (_, traced, spans):
        shop = traced.Shop()
        shop.mine = shop.watch()
        next(shop.mine)
        alive = weakref.ref(shop)
        del shop
        gc.collect()
        assert alive() is None
        assert len(spans) == 1


def test_a_span_takes_attributes_and_weak_references_of_the_application() -> None:
    source = """
        from opentelemetry.trace import get_current_span

        def sell():
            span = get_current_span()
            span.note = "kept"
            return span
    """
    with twins(source, ("sell", {"capture": CaptureSettings(output=False)})) as (_, traced, spans):
        span = traced.sell()
        assert vars(span) == {"note": "kept"}
        alive = weakref.ref(span)
        assert alive() is span is spans[0]
        span.itself = span
        del span
        spans.clear()
        gc.collect()
        assert alive() is None
