"""Random hierarchies and random uses of them give the same results, exceptions and identities, woven or not."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import inspect
import pickle
import re
import types
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.weaving.programs import DUNDERS, MEMBERS, Program, programs
from tests.weaving.twins import in_place, make_module, outcome, twins


def drained(value: Any) -> Any:
    """Read streams, await coroutines and enter managers to their ends, also those within a result."""
    if isinstance(value, types.GeneratorType):
        items = []
        try:
            items.append(drained(next(value)))
            while True:
                items.append(drained(value.send("sent")))
        except StopIteration as stop:
            return "generator", items, drained(stop.value)
    if isinstance(value, types.CoroutineType):
        return "coroutine", drained(asyncio.run(value))
    if isinstance(value, types.AsyncGeneratorType):
        return "async generator", asyncio.run(_read(value))
    if isinstance(value, contextlib.AbstractContextManager) and hasattr(value, "gen"):
        with value as entered:
            return "manager", drained(entered)
    if type(value) in (tuple, list):
        return [drained(item) for item in value]
    if type(value) is dict:
        return {key: drained(item) for key, item in value.items()}
    return value


async def _read(stream: Any) -> list[Any]:
    return [drained(item) async for item in stream]


def described(value: Any) -> Any:
    return re.sub(r"0x[0-9a-f]+", "0x", repr(value))


class Run:
    """One run of a program on one of the twins."""

    def __init__(self, module: Any, program: Program) -> None:
        self.module = module
        self.program = program
        self.made: dict[str, Any] = {}

    def answers(self) -> list[str]:
        found = [self._answer(partial(self.make, name, ((), {}))) for name in self.program.classes]
        for action, *details in self.program.steps:
            step: Callable[..., Any] = getattr(self, action)
            found.append(self._answer(partial(step, *details)))
        found += [described(sorted(vars(each).items())) for each in self.made.values() if hasattr(each, "__dict__")]
        return found

    def _answer(self, question: Callable[[], Any]) -> str:
        return described(outcome(lambda: drained(question())))

    def class_of(self, name: str) -> Any:
        return getattr(self.module, name)

    def instance(self, name: str) -> Any:
        return self.made[name]

    def make(self, name: str, given: Any) -> Any:
        self.made[name] = self.class_of(name)(*given[0], **given[1])

    def call(self, name: str, member: str, given: Any) -> Any:
        return getattr(self.instance(name), member)(*given[0], **given[1])

    def call_on_class(self, name: str, member: str, given: Any) -> Any:
        return getattr(self.class_of(name), member)(*given[0], **given[1])

    def call_with_instance(self, name: str, member: str, given: Any) -> Any:
        return getattr(self.class_of(name), member)(self.instance(name), *given[0], **given[1])

    def read(self, name: str, member: str) -> Any:
        return getattr(self.instance(name), member)

    def write(self, name: str, member: str, value: Any) -> Any:
        setattr(self.instance(name), member, value)

    def delete(self, name: str, member: str) -> Any:
        delattr(self.instance(name), member)

    def write_on_class(self, name: str, member: str, value: Any) -> Any:
        def replacement(*args: Any, **kwargs: Any) -> Any:
            return "replaced", value, args[1:], kwargs

        setattr(self.class_of(name), member, replacement)

    def delete_on_class(self, name: str, member: str) -> Any:
        delattr(self.class_of(name), member)

    def compare(self, first: str, member: str, second: str, other: str) -> Any:
        one, two = getattr(self.instance(first), member), getattr(self.instance(second), other)
        # Not the identity of two names for one object: each is an entry, and a proxy, of its own.
        same = member == other and one is two
        return one == two, two == one, same, one in [two], _same_hash(one, two)

    def compare_on_class(self, first: str, member: str, second: str, other: str) -> Any:
        one, two = getattr(self.class_of(first), member), getattr(self.class_of(second), other)
        return one == two, member == other and one is two, one != two, _same_hash(one, two)

    def look(self, name: str, member: str) -> Any:
        return [
            [
                outcome(partial(inspect.signature, found)),
                type(found).__name__,
                repr(found),
                callable(found),
                isinstance(found, types.FunctionType | types.MethodType),
                inspect.iscoroutinefunction(found),
                getattr(found, "__name__", None),
                getattr(found, "__wrapped__", None),
                inspect.unwrap(found) is found,
                hasattr(found, "__iter__"),
            ]
            for owner in (self.instance(name), self.class_of(name))
            for found in [getattr(owner, member, None)]
        ]

    def copy(self, name: str, member: str, given: Any) -> Any:
        original = self.instance(name)
        answers = []
        for duplicate in (copy.copy(original), copy.deepcopy(original)):
            method = getattr(duplicate, member, None)
            moved = copy.deepcopy(method)
            called = outcome(lambda method=moved: drained(method(*given[0], **given[1])))  # type: ignore[misc]
            answers.append([duplicate, sorted(getattr(duplicate, "__dict__", ())), moved is method, called])
        return answers

    def pickle(self, name: str, member: str, given: Any) -> Any:
        back = pickle.loads(pickle.dumps(self.instance(name)))
        method = pickle.loads(pickle.dumps(getattr(back, member)))
        return back, drained(method(*given[0], **given[1]))

    def special(self, name: str, value: Any) -> Any:
        one = self.instance(name)

        def within() -> str:
            with one:
                raise KeyError(value)
            return "suppressed"

        asked = (
            *(lambda: one(value), lambda: len(one), lambda: one == self.class_of(name)(), lambda: list(one)),
            *(lambda: one.nothing, lambda: one[value], lambda: bool(one), within),
            *(lambda: self.class_of(name).on_class(value), lambda: self.class_of(name).from_meta),
        )
        return [outcome(question) for question in asked]


def _same_hash(one: Any, two: Any) -> Any:
    return outcome(lambda: hash(one) == hash(two))


def _fits(source: str) -> bool:
    try:
        make_module(source)
    except TypeError:  # an order of bases that Python refuses, slots that conflict
        return False
    return True


@given(program=programs(), nested=st.sampled_from(["child", "merge", "skip"]))
@settings(max_examples=examples(50), suppress_health_check=list(HealthCheck))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_random_program_runs_woven_as_it_runs_untraced(program: Program, nested: str) -> None:
    assume(_fits(program.source))
    patterns = ("*", "*.*", *(f"*.{name}" for name in (*MEMBERS, *DUNDERS)))
    rules: list[Any] = [(pattern, {"nested": nested}) for pattern in patterns]
    with twins(program.source, *rules) as (untraced, traced, _):
        with in_place(untraced):
            expected = Run(untraced, program).answers()
        assert Run(traced, program).answers() == expected
