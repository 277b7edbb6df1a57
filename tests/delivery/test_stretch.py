"""What is compiled finishes the spans of a batch exactly as its original does."""

from __future__ import annotations

import weakref
from collections import OrderedDict, defaultdict
from enum import IntEnum
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.delivery.support import observation
from tests.delivery.test_encoder import hostile_text, values
from tests.examples import examples
from tracing_proxies.compiled import hot
from tracing_proxies.delivery.stretch import finish, finish_stretch
from tracing_proxies.delivery.weight import weigh

KINDS = pytest.mark.parametrize("finish_spans", [finish_stretch, finish], ids=["original", "compiled"])
given_text = st.none() | hostile_text | st.just("x" * 5_000)
parts: Any = st.fixed_dictionaries(
    {},
    optional={
        "input": given_text,
        "output": given_text,
        "status_message": given_text,
        "metadata": st.dictionaries(hostile_text, values, max_size=3),
    },
)


class Spot:
    """A span that can be watched."""


class Kind(IntEnum):
    """A number that is none of the interpreter's own."""

    ONE = 1


class Stopped(BaseException):
    """What ends a thread from outside."""


def run(finish_spans: Any, answers: list[Any], seconds: float) -> list[Any]:
    """Finish spans by what is to become of each, and tell what has."""
    spans, finished, told = list(answers), [observation()], []

    def prepare(answer: Any) -> Any:
        if answer == "fails":
            raise ValueError(answer)
        if answer == "stops":
            raise Stopped
        if answer == "adds":  # as nobody does
            spans.append("left out")
        return observation(input=answer) if answer in ("adds", "comes") else None

    def lost(exc: BaseException | None) -> None:
        told.append(None if exc is None else (type(exc), exc.args, exc.__traceback__ is not None))
        if isinstance(exc, Stopped):
            raise exc

    try:
        size: Any = finish_spans(spans, finished, prepare, lost, seconds)
    except Stopped as exc:
        size = type(exc)
    return [size, spans, finished, told]


@settings(max_examples=examples(200))
@given(
    st.lists(st.sampled_from(["comes", "comes", "left out", "fails", "stops", "adds"]), max_size=8),
    st.sampled_from([0.0, 100.0]),
)
def test_the_same_comes_of_every_span(answers: list[Any], seconds: float) -> None:
    compiled, original = run(finish, answers, seconds), run(finish_stretch, answers, seconds)
    assert [one.input for one in compiled.pop(2)] == [one.input for one in original.pop(2)]
    assert compiled == original


@KINDS
def test_one_span_is_finished_however_little_time_there_is(finish_spans: Any) -> None:
    size, spans, finished, told = run(finish_spans, ["comes", "left out", "comes"], 0.0)
    assert (size, spans, told) == (weigh(finished[1]), ["comes", "left out"], [])


@KINDS
def test_spans_are_let_go_as_they_are_finished(finish_spans: Any) -> None:
    spans = [Spot() for _ in range(3)]
    watched = [weakref.ref(spot) for spot in spans]
    alive: list[int] = []
    finish_spans(spans, [], lambda span: None, lambda exc: alive.append(sum(ref() is not None for ref in watched)), 9.0)
    assert not spans
    assert [ref() for ref in watched] == [None] * 3
    assert max(alive) <= 3
    assert alive[-1] <= 1


@pytest.mark.skipif(hot is None, reason="nothing is compiled here")
@settings(max_examples=examples(200))
@given(parts)
def test_an_observation_weighs_the_same(changes: dict[str, Any]) -> None:
    one = observation(**changes)
    assert hot.weigh(one) == weigh(one)


@pytest.mark.skipif(hot is None, reason="nothing is compiled here")
def test_all_kinds_of_values_weigh_the_same() -> None:
    grown: list[Any] = []
    for number in (False, True, 0, -1, 2**30, -(2**64), 10**400, 0.5, 1j, None, b"x", object(), Kind.ONE):
        grown.append(number)
        several = [*grown, tuple(grown), set(grown), OrderedDict(a=number), defaultdict(list, {"a": number})]
        one = observation(metadata={"grown": grown, "several": several, "none": [(), [], {}], str(number): {1: number}})
        assert hot.weigh(one) == weigh(one)


@pytest.mark.skipif(hot is None, reason="nothing is compiled here")
def test_a_text_weighs_the_same_once_its_bytes_have_been_asked_for() -> None:
    one = observation(input="Ï" * 900)
    light = weigh(one)
    assert hot.weigh(one) == light
    orjson.dumps(one.input)
    assert hot.weigh(one) == weigh(one) > light
