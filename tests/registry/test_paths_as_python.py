"""Capture paths, drawn at random with the Python that says the same, have the same values."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tracing_proxies.registry.fields import MISSING
from tracing_proxies.registry.path_values import MOST_ITEMS
from tracing_proxies.registry.paths import compile_path


@dataclasses.dataclass
class Order:
    """A call's result: numbers, texts, lists, and orders within orders."""

    n: int
    f: float
    t: str
    v: Any
    numbers: list[int]
    texts: list[str]
    d: dict[str, Any]
    lines: list[Any]


Pair = tuple[str, str]
"""An expression of the language, and the same in Python."""

scalars: st.SearchStrategy[Any] = st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "x", "xy", 0.5])
things = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.lists(inner, max_size=2).map(tuple),
        st.dictionaries(st.sampled_from(["a", "b", 1]), inner, max_size=2),
        st.frozensets(st.integers(0, 2), max_size=2),
    ),
    max_leaves=4,
)


def orders(lines: st.SearchStrategy[list[Any]]) -> st.SearchStrategy[Order]:
    return st.builds(
        Order,
        n=st.integers(-9, 9),
        f=st.floats(-9, 9, allow_nan=False).map(lambda number: round(number, 3)),
        t=st.text("abxy ", max_size=4),
        v=things,
        numbers=st.lists(st.integers(-3, 3), min_size=1, max_size=4),
        texts=st.lists(st.text("ab", max_size=2), min_size=1, max_size=3),
        d=st.fixed_dictionaries({"k": scalars, "two words": st.integers(0, 3), "same": things}),
        lines=lines,
    )


worlds = orders(st.lists(orders(st.just([])), min_size=1, max_size=3))


def same(*texts: str) -> st.SearchStrategy[Pair]:
    return st.sampled_from([(text, text) for text in texts])


roots = same("result", "result.lines[0]", "result.lines[-1]")
at_key = [("{}.d.k", "{}.d['k']"), ("{}.d['k']", "{}.d['k']")]


def under(template: str, python: str | None = None) -> st.SearchStrategy[Pair]:
    return roots.map(lambda root: (template.format(root[0]), (python or template).format(root[1])))


numbers = st.recursive(
    st.one_of(
        under("{}.n"),
        under("{}.f"),
        under("{}.numbers[0]"),
        under("{}.numbers[-1]"),
        under("{}.d['two words']"),
        under("{}.t | len", "len({}.t)"),
        under("{}.texts | len", "len({}.texts)"),
        under("{}.f | round(1)", "round({}.f, 1)"),
        under("{}.n | round", "round({}.n, 0)"),
        same("3", "-1", "0", "2.5", "-0.5"),
    ),
    lambda inner: st.tuples(inner, inner).map(
        lambda pairs: (f"first({pairs[0][0]}, {pairs[1][0]})", f"first({pairs[0][1]}, {pairs[1][1]})")
    ),
    max_leaves=3,
)
texts = st.one_of(
    under("{}.t"),
    under("{}.texts[0]"),
    under("{}.t | first(2)", "{}.t[:2]"),
    under("{}.v | type", "type({}.v).__name__"),
    same("'x'", "''", '"a"'),
)
lists = st.one_of(
    under("{}.numbers"),
    under("{}.texts"),
    under("{}.texts | first(2)", "{}.texts[:2]"),
    under("{}.lines[*].n", "[line.n for line in {}.lines]"),
    under("{}.lines[*].numbers[*]", "[n for line in {}.lines for n in line.numbers]"),
    under("{}.lines[*].d.k", "[line.d['k'] for line in {}.lines]"),
    same("[1, 'x', null, true]", "[]", "[0.5, [1]]"),
)
anything = st.one_of(numbers, texts, lists, under("{}.v"), under("{}.d"), under("{}.d.same", "{}.d['same']"),
    under("{}.d['k']"), same("null", "true", "false"))  # fmt: skip


def joined(left: st.SearchStrategy[Pair], signs: str, right: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
    return st.builds(
        lambda a, sign, b: (f"{a[0]} {sign} {b[0]}", f"{bracket(a)} {sign} {bracket(b)}"),
        left,
        st.sampled_from(signs.split(", ")),
        right,
    )


def bracket(pair: Pair) -> str:
    return f"({pair[1]})"


conditions = st.recursive(
    st.one_of(
        joined(numbers, "<, <=, >, >=, ==, !=", numbers),
        joined(texts, "<, <=, >, >=, ==, !=, in, not in", texts),
        joined(anything, "==, !=, in, not in", lists),
        joined(anything, "==, !=", anything),
        under("{}.t | startswith('a')", "{}.t.startswith('a')"),
        under("{}.t | endswith('x')", "{}.t.endswith('x')"),
        anything,
    ),
    lambda inner: st.one_of(
        st.builds(lambda a, s, b: (f"({a[0]}) {s} ({b[0]})", f"({a[1]}) {s} ({b[1]})"), inner,
            st.sampled_from(["and", "or"]), inner),
        inner.map(lambda pair: (f"not ({pair[0]})", f"not ({pair[1]})")),
        inner.map(lambda pair: (f"(({pair[0]}))", pair[1])),
    ),
    max_leaves=6,
)  # fmt: skip


def first(*values: Any) -> Any:
    return next(value for value in values if value is not None)


def a_call(result: Any) -> Any:
    return SimpleNamespace(args={}, positional=(), self=MISSING, result=result, error=None)


PYTHON = {"null": None, "true": True, "false": False, "first": first, "len": len, "round": round, "type": type}


def as_dict(value: Any) -> Any:
    """Return an order as dicts: the paths must not notice."""
    if isinstance(value, Order):
        return {field.name: as_dict(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return [as_dict(item) for item in value] if isinstance(value, list) else value


@given(conditions, worlds)
@settings(max_examples=examples(200))
def test_an_expression_has_the_value_that_python_gives_it(pair: Pair, world: Order) -> None:
    text, python = pair
    expected = eval(python, {"__builtins__": {}}, {**PYTHON, "result": world})
    for result in (world, as_dict(world)):
        found = compile_path(text)(a_call(result))
        assert found == (as_dict(expected) if result is not world else expected)
        assert type(found) is type(expected)
        assert compile_path(text).holds(a_call(result)) is bool(expected)


@given(conditions, worlds, things)
@settings(max_examples=200)
def test_an_expression_on_anything_else_is_absent_or_something_and_never_an_error(
    pair: Pair, world: Order, thing: Any
) -> None:
    path = compile_path(pair[0])
    world.lines.append(thing)
    world.numbers = thing
    for result in (thing, [thing], {"n": thing, "lines": thing, "d": thing}, world, MISSING):
        path(a_call(result))
        assert type(path.holds(a_call(result))) is bool
        path.matched(a_call(result))


class ForeignCodeRan(BaseException):
    """Passes by every `except Exception`."""


class Key:
    """A key whose code must not run."""

    def __hash__(self) -> int:
        return 0

    def __eq__(self, other: object) -> bool:
        raise ForeignCodeRan


@pytest.mark.parametrize(
    "text", ["result[0]", "result == result", "result != [1]", "result in [result]", "0 in result"]
)
def test_keys_of_the_applications_own_are_not_asked(text: str) -> None:
    assert compile_path(text)(a_call({Key(): 1})) in (MISSING, True, False)


def doubled(make: Callable[[Any], Any]) -> Any:
    value: Any = 1
    for _ in range(30):
        value = make(value)
    return value


@pytest.mark.parametrize("text", ["result.a == result.b", "result.a in [result.b]", "result.a | hash"])
def test_a_value_that_unfolds_without_end_is_given_up(text: str) -> None:
    result = {"a": doubled(lambda value: [value, value]), "b": doubled(lambda value: [value, value])}
    assert compile_path(text)(a_call(result)) in (False, MISSING)
    long = {"a": [0] * (MOST_ITEMS + 1), "b": [0] * (MOST_ITEMS + 1)}
    assert compile_path(text)(a_call(long)) in (False, MISSING)
