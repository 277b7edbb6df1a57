"""Context variables have the values that they have untraced, whoever sets them within a step or between two."""

from __future__ import annotations

import contextlib
import contextvars
import gc
import weakref
from collections.abc import Generator, Iterator
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry import baggage, context
from opentelemetry import trace as otel

from tests.context import work
from tracing_proxies.testing import CapturedSpan

NAMES = ("first", "second")
VARIABLES = {name: contextvars.ContextVar[Any](name, default=None) for name in NAMES}

_WITH_PARTS = ("call", "stream", "items", "apart", "attach")
_settings = st.tuples(st.just("set"), st.sampled_from(NAMES), st.integers(0, 3))
_simple = st.one_of(
    _settings,
    st.tuples(st.sampled_from(["reset", "pause", "drop_all"])),
)
_parts = st.recursive(
    st.lists(_simple, max_size=4),
    lambda below: st.lists(
        st.one_of(_simple, st.tuples(st.sampled_from(_WITH_PARTS), below)),
        max_size=5,
    ),
    max_leaves=12,
)
_between = st.lists(st.one_of(st.sampled_from([None, "attach", "detach"]), _settings), max_size=6)


class Pause:
    def __await__(self) -> Generator[None, None, None]:
        yield


class Program:
    """Runs parts, and notes what it sees of the variables, of the baggage, and whether the span is its own still."""

    def __init__(self, call: Any, stream: Any, items: Any) -> None:
        self.call, self.stream, self.items = call, stream, items
        self.seen: list[Any] = []

    def look(self) -> None:
        self.seen.append((*(VARIABLES[name].get() for name in NAMES), dict(baggage.get_all())))

    def do(self, part: Any, tokens: list[Any]) -> None:
        if part[0] == "set":
            variable = VARIABLES[part[1]]
            tokens.append((variable, variable.set(part[2])))
        elif part[0] == "reset" and tokens:
            variable, token = tokens.pop()
            variable.reset(token)
        elif part[0] == "attach":  # a body's own context stays with it when it waits, so that it ends before
            token = context.attach(baggage.set_baggage(f"b{len(self.seen)}", "v"))
            self.run_plainly(part[1])
            context.detach(token)
        elif part[0] == "apart":
            contextvars.copy_context().run(self.run_plainly, part[1])
        elif part[0] == "items":
            for _ in self.items(self.run_plainly, [part[1], part[1]]):
                self.look()
        self.look()

    def run_plainly(self, parts: list[Any]) -> None:
        """Run what needs no waiting."""
        own, tokens = otel.get_current_span(), list[Any]()
        for part in parts:
            if part[0] in ("set", "reset", "attach", "apart", "items"):
                self.do(part, tokens)
            assert otel.get_current_span() is own

    async def run(self, parts: list[Any]) -> None:
        own, tokens = otel.get_current_span(), list[Any]()
        for part in parts:
            if part[0] == "pause":
                await Pause()
                self.look()
            elif part[0] == "call":
                await self.call(self.run, part[1])
                self.look()
            elif part[0] == "stream":
                async for _ in self.stream(self.run, [part[1], part[1]]):
                    self.look()
            elif part[0] == "drop_all":
                tokens.clear()
            else:
                self.do(part, tokens)
            assert otel.get_current_span() is own

    def drive(self, parts: list[Any], between: list[Any]) -> list[Any]:
        """Run it to its end, changing variables each time that it waits."""
        tokens: list[Any] = []
        attached: list[Any] = []
        changes: Iterator[Any] = iter(between)
        running = self.call(self.run, parts)
        try:
            while True:
                running.send(None)
                self.look()
                change = next(changes, None)
                if change == "attach":
                    attached.append(context.attach(baggage.set_baggage(f"b{len(self.seen)}", "v")))
                elif change == "detach" and attached:
                    context.detach(attached.pop())
                elif type(change) is tuple:
                    self.do(change, tokens)
        except StopIteration:
            self.look()
        assert otel.get_current_span() is otel.INVALID_SPAN
        while attached:
            context.detach(attached.pop())
        return self.seen


async def _call(run: Any, parts: Any) -> Any:
    return await run(parts)


async def _stream(run: Any, parts: list[Any]) -> Any:
    for part in parts:
        yield await run(part)


def _items(run: Any, parts: list[Any]) -> Any:
    for part in parts:
        yield run(part)


@given(parts=_parts, between=_between)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_they_are_as_untraced(spans: list[CapturedSpan], parts: list[Any], between: list[Any]) -> None:
    untraced = contextvars.copy_context().run(Program(_call, _stream, _items).drive, parts, between)
    traced = Program(work.outer_async, work.each_async, work.each)
    assert contextvars.copy_context().run(traced.drive, parts, between) == untraced
    spans.clear()


@given(elsewhere=st.lists(st.booleans(), min_size=6, max_size=6), setting=st.integers(0, 5))
@settings(max_examples=64, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_body_that_goes_on_in_another_context_leaves_nothing_current_there(
    spans: list[CapturedSpan], elsewhere: list[bool], setting: int
) -> None:
    async def work_on() -> None:
        for number in range(6):
            if number == setting:
                VARIABLES["second"].set(number)
            await Pause()

    running = work.outer_async(work_on)
    contexts = contextvars.Context(), contextvars.Context()
    for is_second in elsewhere:
        contexts[is_second].run(running.send, None)
        assert contexts[is_second].run(otel.get_current_span) is otel.INVALID_SPAN
    contexts[0].run(run_out, running)
    assert contexts[0].run(otel.get_current_span) is otel.INVALID_SPAN
    spans.clear()


class Held:
    pass


def run_out(running: Any) -> None:
    """Drive a coroutine to its end."""
    with contextlib.suppress(StopIteration):
        while True:
            running.send(None)


def test_what_they_held_lives_no_longer_than_the_call(spans: list[CapturedSpan]) -> None:
    async def pause() -> None:
        for _ in range(3):
            await Pause()

    def drive() -> weakref.ref[Held]:
        held = Held()
        token = VARIABLES["first"].set(held)
        running: Any = work.outer_async(pause)
        running.send(None)
        running.send(None)
        VARIABLES["first"].reset(token)
        run_out(running)
        return weakref.ref(held)

    assert contextvars.copy_context().run(drive)() is None


def test_what_they_held_lives_until_the_next_step_of_a_call_that_waits(spans: list[CapturedSpan]) -> None:
    async def pause() -> None:
        for _ in range(3):
            await Pause()

    def drive() -> None:
        held = Held()
        token = VARIABLES["first"].set(held)
        running = work.outer_async(pause)
        running.send(None)
        VARIABLES["first"].reset(token)
        seen = weakref.ref(held)
        del held, token
        running.send(None)
        assert seen() is None
        run_out(running)

    contextvars.copy_context().run(drive)


def test_a_thousand_steps_leave_nothing(spans: list[CapturedSpan]) -> None:
    def count() -> int:
        gc.collect()
        return sum(type(found).__name__ in ("hamt", "Context", "Steps") for found in gc.get_objects())

    async def pause() -> None:
        for number in range(1_000):
            if number % 10 == 0:
                VARIABLES["second"].set(number)
            await Pause()

    def drive() -> None:
        run_out(work.outer_async(pause))

    contextvars.copy_context().run(drive)
    before = count()
    for _ in range(30):
        contextvars.copy_context().run(drive)
    spans.clear()
    assert count() < before + 30  # others' threads have some too; of a call that left any it would be three or more
