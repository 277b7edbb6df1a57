"""What waits for the worker is no part of what `tracemalloc` tells of the application; all that is its own is."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any

import pytest

from tests.weaving.support import make_registry
from tracing_proxies.compiled import hot
from tracing_proxies.delivery.inlet import Inlet
from tracing_proxies.delivery.native import make_thread
from tracing_proxies.delivery.prepare import Preparer, ServiceNames
from tracing_proxies.delivery.stretch import finish
from tracing_proxies.masking import Masker
from tracing_proxies.recording.recorder import Recorder
from tracing_proxies.weaving.weaver import Weaver

pytestmark = pytest.mark.skipif(hot is None, reason="nothing is compiled here")

CALLS = 3_000
A_SPAN = 600  # bytes, the least that one takes


class Shop:
    def __init__(self) -> None:
        self.open = True

    def look(self) -> bool:
        return self.open

    def weigh(self, grams: int, of: str = "tea") -> dict[str, Any]:
        return {"grams": [grams, 1.5, "x" * 300], "of": of}

    def visit(self, grams: int) -> dict[str, Any]:
        return self.weigh(grams)

    def price(self, *given: object) -> int:
        return len(given)

    def fall(self) -> None:
        raise ValueError("no")


def look(shop: Shop) -> None:
    shop.look()


def weigh(shop: Shop) -> None:
    shop.weigh(7)


def visit(shop: Shop) -> None:
    shop.visit(7)


def name(shop: Shop) -> None:
    shop.weigh(7, of=f"{id(shop)} by its name".upper() * 20)
    shop.price(b"%d" % id(shop) * 20, [f"{id(shop)}" * 20])


def fall(shop: Shop) -> None:
    with pytest.raises(ValueError, match="no"):
        shop.fall()


@contextmanager
def woven() -> Iterator[Any]:
    """Weave the shop, and yield the queue in which its spans wait."""
    inlet = Inlet(1_000_000, lambda: None)
    inlet.asleep = False
    weaver = Weaver(Recorder(inlet))
    weaver.weave(make_registry(f"{__name__}:Shop.*"))
    try:
        yield inlet.queue
    finally:
        weaver.undo()


def told(action: Callable[[Shop], object], calls: int = CALLS) -> tuple[int, list[object]]:
    """Return the bytes that so many calls leave behind, and what they have answered."""
    shop, kept = Shop(), []
    action(shop)
    tracemalloc.start()
    try:
        for _ in range(calls):
            kept.append(action(shop))
        return tracemalloc.get_traced_memory()[0], kept
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("action", [look, weigh, visit, name, fall])
def test_calls_that_wait_are_not_told(action: Callable[[Shop], object]) -> None:
    untraced, _ = told(action)
    with woven() as queue:
        traced, _ = told(action)
        assert len(queue) > CALLS
    assert traced - untraced < CALLS * A_SPAN // 10


def test_what_a_call_has_answered_is_told_as_long_as_the_application_has_it() -> None:
    untraced, _ = told(lambda shop: shop.weigh(7))
    with woven():
        traced, _ = told(lambda shop: shop.weigh(7))
    # What the first run has left in free lists is not told in the second.
    assert traced >= 0.98 * untraced > CALLS * 200


def test_texts_that_an_application_still_has_are_told_as_its_own_and_recorded_as_they_were() -> None:
    kept: list[str] = []

    def pass_on(shop: Shop) -> None:
        kept.append(f"{len(kept)}€" * 50)
        shop.weigh(1, of=kept[-1])

    untraced, _ = told(pass_on)
    kept.clear()
    with woven() as queue:
        traced, _ = told(pass_on)
        assert [span.input["of"] for span in queue] == kept
    assert traced >= 0.98 * untraced


def test_what_the_worker_makes_of_spans_is_not_told() -> None:
    preparer = Preparer(Masker(), ServiceNames())
    with woven() as queue:
        for number in range(CALLS):
            Shop().weigh(number)
        spans, finished = list(queue), []
        preparer(spans.pop())
        tracemalloc.start()
        try:
            while spans:
                finish(spans, finished, preparer, print, 1.0)
            left = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
    assert len(finished) == CALLS - 1
    assert left < CALLS * A_SPAN // 4


def test_an_account_that_begins_and_ends_in_the_midst_does_no_harm() -> None:
    with woven() as queue:
        for _ in range(5):
            tracemalloc.start()
            for number in range(200):
                Shop().visit(number)
            tracemalloc.stop()
            for _ in range(100):
                queue.popleft()
        queue.clear()


def take_much_twice(begin: SimpleQueue[None], ended: SimpleQueue[None]) -> None:
    for _ in range(2):
        begin.get()
        texts = [b"%d" % number * 100 for number in range(10_000)]
        texts += [bytearray(2_000) for _ in range(1_000)]
        ended.put(None)
        del texts


@pytest.mark.parametrize("is_ours", [True, False])
def test_what_a_thread_of_ours_takes_is_not_told(is_ours: bool) -> None:
    begin, ended = SimpleQueue[None](), SimpleQueue[None]()
    target = partial(take_much_twice, begin, ended)
    thread = make_thread("tracing-test", target) if is_ours else Thread(target=target)
    with woven():
        thread.start()
        for _ in range(2):  # with an account's end what stood above its allocators is gone
            tracemalloc.start()
            Shop().look()  # with the first span that ends it is noticed that an account is kept
            begin.put(None)
            ended.get()
            _, most = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert most < 200_000 if is_ours else most > 2_000_000  # one block at a time is


def test_a_block_is_told_according_to_who_has_taken_it_last() -> None:
    begin, ended = SimpleQueue[None](), SimpleQueue[None]()
    kept: list[bytearray] = []

    def take() -> None:
        begin.get()
        kept[0].extend(bytes(1_000_000))
        kept.append(bytearray(1_000_000))
        ended.put(None)

    make_thread("tracing-test", take).start()
    with woven():
        tracemalloc.start()
        try:
            Shop().look()
            kept.append(bytearray(500_000))
            assert tracemalloc.get_traced_memory()[0] > 500_000
            begin.put(None)
            ended.get()
            assert tracemalloc.get_traced_memory()[0] < 50_000
            kept[1].extend(bytes(1_000_000))
            assert tracemalloc.get_traced_memory()[0] > 1_900_000
            kept.clear()
            assert tracemalloc.get_traced_memory()[0] < 50_000
        finally:
            tracemalloc.stop()
