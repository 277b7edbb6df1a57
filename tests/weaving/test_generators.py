"""Generators keep their whole protocol under their span: send, throw, close, delegation and introspection."""

from __future__ import annotations

import collections.abc
import contextlib
import copy
import gc
import inspect
import pickle
import sys
import types
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.weaving.support import woven
from tests.weaving.twins import outcome, twins
from tracing_proxies.recording.capture import snapshot
from tracing_proxies.recording.copying import Limits

SOURCE = """
    def echo(log):
        heard = None
        try:
            while True:
                try:
                    heard = yield heard
                except KeyError as exc:
                    heard = ("caught", exc.args)
                log.append(heard)
                if heard == "stop":
                    return "the end"
        finally:
            log.append("finally")

    def stubborn():
        try:
            yield 1
        except GeneratorExit:
            yield 2

    def leaving():
        try:
            yield 1
        except GeneratorExit:
            return "left"

    def outer():
        answer = yield from echo([])
        yield ("answer", answer)

    def reentrant(held):
        try:
            held[0].send(None)
        except ValueError as exc:
            yield str(exc)
        yield "on"

    def raising():
        yield 1
        raise StopIteration("inner")

    def listed():
        return [echo([])]

    def handed_out():
        return echo([])

    def same(stream):
        return stream
"""

PROTOCOL: dict[str, Callable[[Any], Any]] = {
    "next": lambda g: [next(g), next(g)],
    "send": lambda g: [next(g), g.send(1), g.send("x")],
    "send_too_early": lambda g: g.send(1),
    "send_without_argument": lambda g: str(outcome(g.send)[1][0]),
    "return_value": lambda g: [next(g), outcome(lambda: g.send("stop"))],
    "throw_caught": lambda g: [next(g), g.throw(KeyError("k"))],
    "throw_a_class": lambda g: [next(g), g.throw(KeyError)],
    "throw_uncaught": lambda g: [next(g), outcome(lambda: g.throw(OSError("o"))), outcome(lambda: next(g))],
    "throw_first": lambda g: [outcome(lambda: g.throw(OSError("o"))), outcome(lambda: next(g))],
    "throw_no_exception": lambda g: [next(g), outcome(lambda: g.throw(1)), next(g)],
    "close": lambda g: [next(g), g.close(), outcome(lambda: next(g)), g.close()],
    "close_first": lambda g: [g.close(), outcome(lambda: next(g)), outcome(lambda: g.send(None))],
    "after_the_end": lambda g: [next(g), outcome(lambda: g.send("stop")), outcome(lambda: next(g))],
    "state": lambda g: [
        inspect.getgeneratorstate(g),
        next(g),
        inspect.getgeneratorstate(g),
        sorted(inspect.getgeneratorlocals(g)),
        g.close(),
        inspect.getgeneratorstate(g),
    ],
    "attributes": lambda g: [g.gi_running, g.gi_yieldfrom, g.gi_code.co_name, g.gi_frame.f_lineno, g.__name__],
    "no_such_attribute": lambda g: outcome(lambda: g.nothing),
    "what_it_is": lambda g: [
        isinstance(g, types.GeneratorType),
        isinstance(g, collections.abc.Generator),
        inspect.isgenerator(g),
        inspect.isawaitable(g),
        iter(g) is g,
        callable(g),
        hasattr(g, "__len__"),
        hasattr(g, "__await__"),
        g == g,
        bool(g),
        {g: 1}[g],
    ],
    "copy": lambda g: [outcome(lambda: copy.copy(g)), outcome(lambda: pickle.dumps(g))],
    "renamed": lambda g: [setattr(g, "__name__", "other"), g.__name__, outcome(lambda: delattr(g, "__name__"))],
}


@pytest.mark.parametrize("question", PROTOCOL)
def test_a_traced_generator_answers_as_untraced(question: str) -> None:
    log: tuple[list[Any], list[Any]] = ([], [])
    with twins(SOURCE, "echo") as (untraced, traced, _):
        expected = outcome(lambda: PROTOCOL[question](untraced.echo(log[0])))
        assert outcome(lambda: PROTOCOL[question](traced.echo(log[1]))) == expected
    assert log[0] == log[1]


@pytest.mark.parametrize("name", ["stubborn", "leaving"])
def test_closing_a_generator_that_reacts_gives_what_it_gave_untraced(name: str) -> None:
    def ask(module: Any) -> Any:
        stream = getattr(module, name)()
        return [next(stream), outcome(stream.close), outcome(lambda: next(stream))]

    with twins(SOURCE, name) as (untraced, traced, spans):
        assert ask(traced) == ask(untraced)
    assert len(spans) == 1


@pytest.mark.parametrize("patterns", [("echo",), ("outer",), ("echo", "outer")])
def test_delegation_to_a_traced_generator_passes_values_exceptions_and_the_return_value(patterns: Any) -> None:
    def ask(module: Any) -> Any:
        stream = module.outer()
        seen = [next(stream), stream.send(1), stream.throw(KeyError("k")), stream.send("stop")]
        return [*seen, outcome(lambda: next(stream))]

    def break_off(module: Any) -> Any:
        stream = module.outer()
        return [next(stream), outcome(lambda: stream.throw(OSError("o"))), outcome(lambda: next(stream))]

    with twins(SOURCE, *patterns) as (untraced, traced, spans):
        assert ask(traced) == ask(untraced)
        assert break_off(traced) == break_off(untraced)
        stream = traced.outer()
        next(stream)
        stream.close()
    assert len(spans) == 3 * len(patterns)


def test_a_step_that_a_running_generator_refuses_does_not_end_its_span() -> None:
    with twins(SOURCE, "reentrant") as (untraced, traced, spans):
        for module in (untraced, traced):
            held: list[Any] = []
            held.append(module.reentrant(held))
            assert list(held[0]) == ["generator already executing", "on"]
    [span] = spans
    assert (span.level, span.output) == ("DEFAULT", ["generator already executing", "on"])


def test_a_stop_iteration_raised_in_the_body_stays_a_runtime_error() -> None:
    with twins(SOURCE, "raising") as (untraced, traced, spans):
        expected, got = outcome(lambda: list(untraced.raising())), outcome(lambda: list(traced.raising()))
        assert got == expected
    assert spans[0].level == "ERROR"


def test_a_closed_generator_that_never_ran_leaves_no_span() -> None:
    with twins(SOURCE, "echo") as (_, traced, spans):
        stream = traced.echo([])
        stream.close()
        assert list(stream) == []
    assert spans == []


def test_generators_inside_another_result_are_left_alone() -> None:
    with twins(SOURCE, "listed") as (_, traced, _spans):
        assert type(traced.listed()[0]) is types.GeneratorType


def test_a_function_that_returns_another_traced_functions_stream_spans_all_of_it() -> None:
    with twins(SOURCE, "handed_out", "echo") as (_, traced, spans):
        stream = traced.handed_out()
        assert isinstance(stream, types.GeneratorType)
        assert [next(stream), stream.send("a")] == [None, "a"]
        assert spans == []
        stream.close()
    inner, outer = spans
    assert (inner.name, outer.name) == ("echo", "handed_out")
    assert inner.parent_id == outer.span_id


def test_a_stream_that_is_under_way_is_handed_on_as_the_same_object() -> None:
    with twins(SOURCE, "same", "echo") as (untraced, traced, spans):
        for stream in (untraced.echo([]), traced.echo([])):
            next(stream)
            assert traced.same(stream) is stream
            stream.close()
        assert [span.name for span in spans] == ["same", "same", "echo"]


def test_a_fresh_stream_that_is_handed_on_is_the_same_object() -> None:
    with twins(SOURCE, "same") as (untraced, traced, _):
        stream = untraced.echo([])
        assert traced.same(stream) is stream


def test_a_traced_generator_serves_contextlib_and_closing() -> None:
    source = SOURCE + "\n    def opened():\n        yield 'value'\n"
    with twins(source, "opened") as (_, traced, spans):
        with contextlib.contextmanager(traced.opened)() as value:
            assert value == "value"
        with contextlib.closing(traced.opened()) as stream:
            next(stream)
        with pytest.raises(KeyError), contextlib.contextmanager(traced.opened)():
            raise KeyError("x")
    assert [span.level for span in spans] == ["DEFAULT", "DEFAULT", "ERROR"]


def test_an_exception_thrown_in_is_not_given_another_context() -> None:
    with twins(SOURCE, "echo") as (untraced, traced, _):
        for module in (untraced, traced):
            stream = module.echo([])
            next(stream)
            thrown = OSError("o")
            with pytest.raises(OSError, match="o") as caught:
                stream.throw(thrown)
            assert caught.value is thrown
            assert (thrown.__cause__, thrown.__context__) == (None, None)
            assert sys.exc_info() == (None, None, None)


STEPS: dict[str, Callable[[Any], Any]] = {
    "next": lambda g: next(g),
    "send": lambda g: g.send(None),
    "throw": lambda g: g.throw(KeyError("k")),
    "close": lambda g: g.close(),
    "rest": lambda g: list(g),
}


def walk(stream: Any, steps: list[str]) -> list[Any]:
    return [outcome(partial(STEPS[step], stream)) for step in steps]


@settings(max_examples=60)
@given(st.lists(st.integers(-9, 9) | st.text(max_size=3), max_size=5), st.lists(st.sampled_from([*STEPS]), max_size=7))
def test_any_steps_give_what_they_gave_untraced_and_one_span_of_the_items(items: list[Any], steps: list[str]) -> None:
    source = """
        def pieces(items):
            for item in items:
                yield item
            return "the end"
    """
    with twins(source, "pieces") as (untraced, traced, spans):
        expected = walk(untraced.pieces(items), steps)
        assert walk(traced.pieces(items), steps) == expected
    if not steps or steps[0] == "close":
        assert spans == []
        return
    [span] = spans
    assert span.input == {"items": items}
    assert span.stop is not None
    ended = next((step for step in steps if step in ("throw", "close", "rest")), None)
    taken = steps.index(ended) if ended is not None else len(steps)
    if ended == "rest" or taken > len(items):
        assert (span.output or [], span.metadata) == (items, {})
    elif ended == "throw":
        assert span.level == "ERROR"
    else:
        assert span.metadata["outcome"] == "abandoned"


def test_a_long_stream_is_recorded_by_its_first_items_and_the_number_of_the_others() -> None:
    source = """
        def pieces(count):
            for number in range(count):
                yield {"number": number}
    """
    with twins(source, "pieces") as (_, traced, spans):
        assert len(list(traced.pieces(53))) == 53
    output = spans[0].output
    assert output[:50] == [{"number": number} for number in range(50)]
    assert len(output) == 51


def test_a_stream_sees_what_is_current_for_its_consumer_and_what_its_body_has_made_current() -> None:
    source = """
        from opentelemetry import baggage, context

        def stream():
            yield baggage.get_baggage("who")
            context.attach(baggage.set_baggage("who", "body"))
            yield baggage.get_baggage("who")
            yield baggage.get_baggage("who")
            yield work()

        def work():
            return baggage.get_baggage("who")
    """
    from opentelemetry import baggage
    from opentelemetry.context import attach, detach

    with twins(source, "*") as (_, traced, spans):
        stream = traced.stream()
        seen = [next(stream), next(stream)]
        token = attach(baggage.set_baggage("who", "consumer"))
        try:
            seen += [next(stream), next(stream)]
            assert baggage.get_baggage("who") == "consumer"
        finally:
            detach(token)
        assert list(stream) == []
    assert seen == [None, "body", "consumer", "consumer"]
    inner, outer = spans
    assert inner.parent_id == outer.span_id
    assert (inner.output, outer.name) == ("consumer", "stream")


def chain_of(source: Any) -> Any:
    yield from source


def test_a_stream_that_meets_the_end_of_the_stack_leaves_no_span_open() -> None:
    with woven(f"{__name__}:chain_of"):  # which sees that none is
        source: Any = iter([1])
        for _ in range(1_500):
            source = chain_of(source)
        with contextlib.suppress(RecursionError):  # how deep that is depends on the interpreter
            next(source)
        del source
        gc.collect()


def test_what_is_nested_beyond_the_stack_is_cut_and_breaks_nothing() -> None:
    value: Any = "bottom"
    for _ in range(100_000):
        value = [value]
    assert type(snapshot(value, Limits(10**6, 10**6, 10**6))) in (list, str)
