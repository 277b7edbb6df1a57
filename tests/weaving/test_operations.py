"""What is done with a woven callable beside calling it plainly comes out as it does untraced, in the same words."""

from __future__ import annotations

import inspect
import itertools
import operator
from collections.abc import Callable
from typing import Any

import pytest

from tests.weaving.twins import outcome, twins
from tracing_proxies.compiled import hot

SOURCE = """
    import contextlib
    import functools

    @functools.lru_cache
    def known(number=1):
        return number

    def sell(number=1, *, at=2):
        return number

    async def fetch(number=1):
        return number

    def pieces(number=1):
        yield number

    class Shop:
        def sell(self, number=1):
            return number

    @contextlib.contextmanager
    def opened(number=1):
        yield number

    @contextlib.asynccontextmanager
    async def awaited(number=1):
        yield number
"""


def star(value: Any) -> Any:
    return [*value]


def pass_star(value: Any) -> Any:
    return inspect.signature(*value)


def exchange_dict(value: Any) -> Any:
    value.__dict__ = {"price": 7}
    return value.price, vars(value)


OPERATIONS: dict[str, Callable[[Any], Any]] = {
    "is less": lambda value: value < value,
    "is more": lambda value: value >= 1,
    "sorted": lambda value: sorted([value, value]),
    "largest": lambda value: max(value, value),
    "equal": lambda value: (value == value, value != value, value == 1),
    "added to": lambda value: operator.iadd(value, 1),
    "negated": operator.neg,
    "divided": lambda value: divmod(value, 2),
    "true": operator.truth,
    "read by index": lambda value: value[0],
    "set by index": lambda value: operator.setitem(value, 0, 1),
    "deleted by index": lambda value: operator.delitem(value, 0),
    "an index": lambda value: [1, 2][value],
    "contains": lambda value: 1 in value,
    "length": len,
    "iterated": iter,
    "unpacked": star,
    "passed on as arguments": pass_star,
    "float": float,
    "absolute": abs,
    "counted from": itertools.count,
    "slots": lambda value: value.__slots__,
    "dict of a number": lambda value: setattr(value, "__dict__", 1),
    "dict deleted": lambda value: delattr(value, "__dict__"),
    "another dict": exchange_dict,
}


@pytest.mark.skipif(hot is None, reason="wrapt's proxies can do more than functions can, but for what is compiled")
@pytest.mark.parametrize("name", ["sell", "fetch", "pieces", "known", "Shop.sell", "opened"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_woven_function_can_do_what_a_function_can(name: str, operation: str) -> None:
    with twins(SOURCE, "*", "*.*") as modules:
        untraced, traced = (
            outcome(lambda module=module: OPERATIONS[operation](operator.attrgetter(name)(module)))
            for module in modules[:2]
        )
    assert traced == untraced


def test_a_function_is_called_by_those_who_have_no_arguments_that_lie_anywhere() -> None:
    with twins(SOURCE, "*", "*.*") as (_, traced, spans):
        assert list(itertools.islice(iter(traced.sell, 2), 3)) == [1, 1, 1]
        assert next(iter(traced.Shop().sell, 2)) == 1
        generator = next(iter(traced.pieces, None))
        assert list(generator) == [1]
        coroutine = next(iter(traced.fetch, None))
        coroutine.close()
    assert [span.name for span in spans] == ["sell"] * 3 + ["Shop.sell", "pieces"]


@pytest.mark.parametrize("name", ["opened", "awaited"])
def test_a_manager_decorates_as_it_says(name: str) -> None:
    def ask(module: Any) -> Any:
        manager = getattr(module, name)()
        asked = inspect.signature(manager), outcome(manager), outcome(lambda: manager(nope=1))
        return *asked, hasattr(manager, "__slots__"), callable(manager(func=lambda: 1))

    with twins(SOURCE, "*") as (untraced, traced, _):
        assert ask(traced) == ask(untraced)
