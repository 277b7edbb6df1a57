"""Calls that are not recorded are counted exactly as those that are, whatever kind of callable they go through."""

from __future__ import annotations

import asyncio
import copy
import pickle
import sys
import threading
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry.trace import NonRecordingSpan, get_current_span

import tracing_proxies
from tracing_proxies import runtime
from tracing_proxies.sampling.plan import Plan
from tracing_proxies.testing import registry_from

SOURCE = """
import asyncio, contextlib

class Base:
    def run(self, n):
        return n + 1

    def both(self, n):
        return self.run(n)

class Shop(Base):
    def run(self, n):
        return super().run(n) * 2

    def plain(self, n):
        return self.inner(n)

    def inner(self, n):
        if n < 0:
            raise ValueError(f"negative {n}")
        return {"status": "failed" if n == 7 else "ok", "n": n}

    def forgiving(self, n):
        try:
            return self.inner(-n)
        except ValueError:
            return self.inner(n)

    def deep(self, n):
        return self.deep(n - 1) if n else "bottom"

    @staticmethod
    def fixed(n):
        return n

    @classmethod
    def made(cls, n):
        return cls().plain(n)

    @property
    def total(self):
        return self.inner(3)["n"]

    async def fetch(self, n):
        await asyncio.sleep(0)
        return self.inner(n)

    async def gather(self, n):
        return await asyncio.gather(*(self.fetch(k) for k in range(n)))

    def items(self, n):
        for k in range(n):
            yield self.inner(k)

    def broken_items(self, n):
        yield self.inner(n)
        raise KeyError("no more")

    def handed_on(self, n):
        return self.items(n)

    async def stream(self, n):
        for k in range(n):
            yield await self.fetch(k)

    @contextlib.contextmanager
    def session(self, n):
        yield self.inner(n)

    def in_session(self, n):
        with self.session(n) as found:
            return self.inner(found["n"])

    async def cancelled(self):
        raise asyncio.CancelledError()

def function(n):
    return Shop().plain(n)
"""

RULES = """
version: 1
export: { discard: {} }
sampling: { budget: 1% }
trace:
  - { match: ["counted_shop:Base.*", "counted_shop:Shop.*", "counted_shop:function"] }
  - { match: "counted_shop:Shop.inner", error_when: 'result.status == "failed"' }
  - { match: "counted_shop:Shop.fixed", name: "fixed {args.n}", if: "args.n > 2" }
"""


async def drain(stream: Any) -> list[Any]:
    return [item async for item in stream]


def quietly(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except (ValueError, KeyError) as exc:
        return repr(exc)


async def cancel(shop: Any) -> str:
    try:
        await shop.cancelled()
    except asyncio.CancelledError:
        return "cancelled"
    return "not"


SCENARIOS: dict[str, Callable[[Any, Any], Any]] = {
    "methods": lambda m, s: [s.plain(n) for n in range(9)],
    "raised errors": lambda m, s: [quietly(lambda: s.plain(-1)), quietly(lambda: m.function(-2)), s.forgiving(4)],
    "super chains": lambda m, s: [s.run(1), s.both(2), m.Base().both(3)],
    "recursion": lambda m, s: s.deep(12),
    "static and class methods": lambda m, s: [s.fixed(1), s.fixed(3), m.Shop.made(7), m.Shop.fixed(5)],
    "properties": lambda m, s: s.total,
    "coroutines": lambda m, s: asyncio.run(s.gather(9)),
    "generators": lambda m, s: [list(s.items(8)), list(s.handed_on(3)), quietly(lambda: list(s.broken_items(1)))],
    "a generator that is closed early": lambda m, s: next(s.items(5)),
    "async generators": lambda m, s: asyncio.run(drain(s.stream(8))),
    "context managers": lambda m, s: s.in_session(7),
    "cancellation": lambda m, s: asyncio.run(cancel(s)),
}

Active = Callable[..., Any]


@pytest.fixture
def active(monkeypatch: pytest.MonkeyPatch) -> Iterator[Active]:
    monkeypatch.delenv("TRACING_PROXIES__SAMPLING__BUDGET")
    module: Any = types.ModuleType("counted_shop")
    exec(SOURCE, vars(module))
    sys.modules["counted_shop"] = module

    def activate(plan: Plan, rules: str = RULES) -> Any:
        tracing_proxies.activate(registry_from(rules))
        runtime_ = runtime._runtime
        assert runtime_ is not None
        controller, tail = runtime_.budgeting._controller, runtime_.recorder.tail
        assert controller is not None
        assert tail is not None
        controller.plan = plan
        monkeypatch.setattr(controller, "step", lambda: None)
        tail._rare_after = 1 << 64  # else the first call of each target is kept for being rare
        return module

    monkeypatch.setenv("TRACING_PROXIES_STRICT", "1")  # what fails within is raised
    yield activate
    tracing_proxies.deactivate()
    del sys.modules["counted_shop"]


def counts() -> dict[str, tuple[int, int]]:
    assert runtime._runtime is not None
    tallies = runtime._runtime.recorder.tallies
    return {name: tally.count_all() for name, tally in tallies.items() if tally.calls}


ALL = Plan(1.0, 1.0, 1.0, 1.0, 1.0)
SKELETONS = Plan(1.0, 0.0, 1.0, 1.0, 1.0)
STUBS = Plan(0.0, 0.0, 1.0, 0.0, 0.0)
COUNTS = Plan(0.0, 0.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_call_is_counted_the_same_whatever_is_recorded_of_it(name: str, active: Active) -> None:
    found = []
    for plan in (ALL, SKELETONS, STUBS, COUNTS):
        module = active(plan)
        answer = SCENARIOS[name](module, module.Shop())
        found.append((answer, counts()))
        tracing_proxies.deactivate()
    assert found[1:] == [found[0]] * 3
    assert found[0][1]


def test_calls_through_super_are_counted_each_where_they_are_not_to_join(active: Active) -> None:
    found = []
    for plan in (ALL, STUBS, COUNTS):
        module = active(plan, RULES.replace("trace:", "defaults: { nested: child }\ntrace:"))
        SCENARIOS["super chains"](module, module.Shop())
        found.append(counts())
        tracing_proxies.deactivate()
    assert found[1:] == [found[0]] * 2
    assert (found[0]["counted_shop:Base.run"], found[0]["counted_shop:Shop.run"]) == ((3, 0), (2, 0))


def test_nothing_of_an_unrecorded_trace_is_delivered_unless_it_fails(active: Active) -> None:
    shop = active(STUBS).Shop()
    for _ in range(50):
        shop.plain(1)
    tracing_proxies.flush()
    assert tracing_proxies.status()["delivery"]["delivered"] == 0
    quietly(lambda: shop.plain(-1))
    tracing_proxies.flush()
    assert tracing_proxies.status()["delivery"]["delivered"] == 2  # the call that raised, and the one above it
    assert tracing_proxies.status()["calls"] == {"count": 102, "errors": 2}


def test_an_error_that_is_dealt_with_leaves_its_stub_below_that_of_its_trace(active: Active) -> None:
    shop = active(STUBS).Shop()
    spans: list[Any] = []
    assert runtime._runtime is not None
    monitor = runtime._runtime.recorder
    emit, monitor.emit = monitor.emit, lambda span: (spans.append(span), emit(span))
    assert shop.forgiving(4)["n"] == 4
    inner, root = spans
    assert (root.name, root.level, root.parent_id) == ("Shop.forgiving", "DEFAULT", None)
    assert (inner.name, inner.level, inner.parent_id) == ("Shop.inner", "ERROR", root.span_id)
    assert inner.status_message == "ValueError: negative -4"
    assert {span.metadata["sampling.detail"] for span in spans} == {"stub"}
    assert inner.trace is root.trace
    assert root.input is None
    assert inner.output is None


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda span: pickle.loads(pickle.dumps(span))])
def test_what_stands_as_the_current_span_is_copied_as_none_would_be(
    active: Active, again: Callable[[Any], Any]
) -> None:
    copies = [again(get_current_span())]

    class Asking(active(STUBS).Shop):  # type: ignore[misc]
        def inner(self, n: int) -> None:
            copies.append(again(get_current_span()))

    Asking().plain(1)
    assert [type(copied) for copied in copies] == [NonRecordingSpan] * 2
    assert copies[0].get_span_context() == copies[1].get_span_context()


def test_nothing_that_a_trace_held_on_to_stays_when_it_has_ended(active: Active) -> None:
    module = active(STUBS)
    shop = module.Shop()
    for n in range(30):
        quietly(lambda n=n: shop.plain(n - 15))
        asyncio.run(shop.gather(3))
        list(shop.items(3))
    assert runtime._runtime is not None
    recorder = runtime._runtime.recorder
    assert recorder.tail is not None
    assert (recorder.open, recorder.traces, recorder.tail.undecided, recorder.tail.roots) == ({}, {}, {}, {})


def test_calls_are_counted_exactly_from_many_threads(active: Active) -> None:
    shop = active(COUNTS).Shop()

    def work() -> None:
        for n in range(2_000):
            quietly(lambda n=n: shop.plain(-1 if n % 10 == 0 else n))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts() == {"counted_shop:Shop.plain": (16_000, 1_600), "counted_shop:Shop.inner": (16_000, 1_608)}
