"""Woven callables behave like the originals under introspection, copy and pickle."""

from __future__ import annotations

import copy
import functools
import inspect
import pickle
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

import pytest

from tracing_proxies.recording.recorder import Recorder
from tracing_proxies.registry.pointcut import Target
from tracing_proxies.weaving.advice import JoinPoint
from tracing_proxies.weaving.kinds import shape_of
from tracing_proxies.weaving.proxies import raw_of


def weave(raw: Any, *, in_class: bool) -> Any:
    shape = shape_of(raw, in_class, {})
    assert shape is not None
    assert shape.build is not None
    return shape.build(
        JoinPoint(Target(__name__, None, "x"), shape.function, Recorder(print), lazy=False, bound=shape.bound)
    )


class Shop:
    def __init__(self, name: str) -> None:
        self.name = name

    def greet(self, guest: str = "you") -> str:
        return f"{self.name} greets {guest}"

    @classmethod
    def kind(cls) -> str:
        return cls.__name__

    @staticmethod
    def add(a: int, b: int) -> int:
        return a + b

    async def later(self) -> str:
        return self.name


class Corner(Shop):
    pass


def double(number: int) -> int:
    return number * 2


for _name in ("greet", "kind", "add", "later"):
    setattr(Shop, _name, weave(vars(Shop)[_name], in_class=True))
double = weave(double, in_class=False)


def test_every_kind_of_method_answers_as_before() -> None:
    assert Corner("A").greet("B") == "A greets B"
    assert Shop.greet(Shop("A")) == "A greets you"
    assert Corner.kind() == "Corner"
    assert Corner("A").add(1, 2) == Shop.add(1, 2) == 3


def test_introspection_sees_the_original() -> None:
    assert str(inspect.signature(Shop.greet)) == "(self, guest: 'str' = 'you') -> 'str'"
    assert inspect.iscoroutinefunction(Shop.later)
    assert inspect.ismethod(Shop("A").greet)
    assert Shop.greet.__qualname__ == "Shop.greet"


@functools.lru_cache
def cached() -> int:
    return 1


@pytest.mark.parametrize("raw", [lambda: None, cached, functools.partial(int, "1")], ids=["def", "cache", "partial"])
def test_its_type_names_itself_as_that_of_the_original(raw: Any) -> None:
    woven = weave(raw, in_class=False)
    names = "__module__", "__name__", "__qualname__"
    assert [getattr(type(woven), name) for name in names] == [getattr(type(raw), name) for name in names]
    assert getattr(woven, "__module__", None) == getattr(raw, "__module__", None)


def test_a_function_is_copied_and_pickled_as_itself() -> None:
    assert copy.copy(double) is double
    assert copy.deepcopy(double) is double
    assert pickle.loads(pickle.dumps(double)) is double


def test_a_bound_method_is_deep_copied_to_the_copied_instance() -> None:
    holder = {"shop": Shop("A")}
    holder["call"] = holder["shop"].greet  # type: ignore[assignment]
    copied = copy.deepcopy(holder)
    copied["shop"].name = "Z"
    assert copied["call"]("B") == "Z greets B"  # type: ignore[operator]
    assert holder["call"]("B") == "A greets B"  # type: ignore[operator]


def test_bound_methods_survive_pickle() -> None:
    assert pickle.loads(pickle.dumps(Shop("A").greet))("B") == "A greets B"
    assert pickle.loads(pickle.dumps(Shop.kind))() == "Shop"


def test_methods_are_bound_as_the_interpreter_binds_them() -> None:
    shop = Shop("A")
    assert Shop.greet is Shop.greet is vars(Shop)["greet"] is Corner.greet
    assert type(shop.greet) is type(Shop.kind) is MethodType
    assert shop.greet == shop.greet
    assert shop.greet != Shop("B").greet
    assert {shop.greet: 1}[shop.greet] == 1
    assert shop.greet.__func__ is Shop.greet
    assert type(vars(Shop)["kind"]) is classmethod
    assert type(vars(Shop)["add"]) is staticmethod
    assert Shop.add is shop.add


def plain(number: int) -> int:
    return number * 2


@pytest.mark.parametrize("name", ["missing", "__missing__", "_self_missing", "__enter__", "__len__", "_self_tp_"])
def test_what_a_function_has_not_is_refused_in_its_own_words(name: str) -> None:
    with pytest.raises(AttributeError) as untraced:
        getattr(plain, name)
    with pytest.raises(AttributeError) as traced:
        getattr(double, name)
    assert str(traced.value) == str(untraced.value)
    assert (traced.value.name, type(traced.value.obj)) == (name, type(untraced.value.obj))


def test_attributes_that_are_set_later_are_seen_on_the_proxy_and_on_the_function() -> None:
    raw = raw_of(double)
    try:
        double.price = 3
        raw.stock = 4
        double._self_aside = 5  # which wrapt keeps on the proxy
        assert (double.price, raw.price, double.stock, double._self_aside) == (3, 3, 4, 5)
        assert vars(double) is vars(raw)
        assert vars(raw).keys() == {"price", "stock"}
    finally:
        vars(raw).clear()
        del double._self_aside
    assert not hasattr(double, "price")


def test_a_function_is_of_the_class_of_functions_whoever_asks() -> None:
    assert double.__class__ is FunctionType
    assert isinstance(double, FunctionType)
    assert not isinstance(double, (MethodType, BuiltinFunctionType))
    assert object.__getattribute__(double, "__class__") is FunctionType
    assert type(double).__getattribute__(double, "__name__") == "double"
