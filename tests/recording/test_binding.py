"""Arguments get the names that the signature of a function gives them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

from tracing_proxies.recording.scope import make_binder


class Sample:
    def method(self, a: int, b: int = 1) -> None: ...
    def defaulted(self: Any = None, b: int = 1) -> None: ...
    def loose(*args: Any, **kwargs: Any) -> None: ...


def nothing() -> None: ...
def positional(a: int, b: int, /, c: int = 3, *, d: int, e: int = 5) -> None: ...
def rest(a: int = 1, *more: int, key: int = 2, **others: int) -> None: ...
def with_locals(a: int) -> int:
    local = a
    return local


async def coroutine(a: int, *, b: int = 2) -> None: ...


def overlong(a: int) -> None: ...


overlong.__defaults__ = (1, 2, 3)

FUNCTIONS = [Sample.method, Sample.defaulted, Sample.loose, nothing, positional, rest, with_locals, coroutine, overlong]


@pytest.mark.parametrize("bound", [False, True])
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_a_function_is_read_from_its_code_as_inspect_reads_it(function: Callable[..., Any], bound: bool) -> None:
    found = make_binder(function, bound=bound)
    vars(function)["marked"] = True  # so that `inspect` is asked
    try:
        asked = make_binder(function, bound=bound)
    finally:
        del vars(function)["marked"]
    assert found.args == asked.args  # type: ignore[attr-defined]
    assert list(found.args[2]) == list(asked.args[2])  # type: ignore[attr-defined]


def test_a_wrapper_is_read_as_what_it_wraps() -> None:
    @functools.wraps(positional)
    def wrapper(*args: Any, **kwargs: Any) -> None: ...

    assert make_binder(wrapper, bound=False)((1, 2), {"d": 4}) == {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5}
