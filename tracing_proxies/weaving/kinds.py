"""What stands in a namespace, and how each kind of entry is woven."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import FunctionType
from typing import Any

import attrs

from tracing_proxies.recording.scope import starts_lazily
from tracing_proxies.weaving.advice import Advice
from tracing_proxies.weaving.proxies import WovenFunction


@attrs.frozen(eq=False)
class Shape:
    """How one entry is woven.

    Args:
        function: the raw function, by which the entry is known.
        bound: whether its first parameter is the instance or class.
        lazy: whether a call only makes a coroutine or generator.
        build: makes the new entry; None where the entry stays and ``install`` does the work.
        install: puts the advice behind an entry that must stay as it is; returns how to take it back.
        named: whether only a pattern that writes out the name reaches it (properties run on mere reading).
    """

    function: Any
    bound: bool
    lazy: bool = False
    build: Callable[[Advice], Any] | None = None
    install: Callable[[Advice], Callable[[], None]] | None = None
    named: bool = False


Container = Callable[[Any, bool], Shape | None]
"""Tells how an entry of a framework's own type is woven: the entry, and whether a class holds it."""


def shape_of(raw: Any, in_class: bool, containers: dict[type, Container]) -> Shape | None:
    """Tell how an entry of a class or module is woven.

    Args:
        raw: the entry as it is stored in the ``__dict__``.
        in_class: whether a class holds it.
        containers: types of frameworks whose objects hold the function within.

    Returns:
        None for what is no callable, and for classes: those are never replaced.
    """
    kind = type(raw)
    if kind in containers:
        return containers[kind](raw, in_class)
    if kind is FunctionType:
        return _wrapped(raw, raw, in_class)
    if kind is classmethod:
        return _wrapped(raw, raw.__func__, True)
    if kind is staticmethod:
        return _wrapped(raw, raw.__func__, False)
    if kind is property:
        return None if raw.fget is None else _property(raw)
    if kind is functools.cached_property:
        return _cached_property(raw)
    if isinstance(raw, type) or (not callable(raw) and not hasattr(kind, "__get__")):
        return None
    if kind in (functools.partialmethod, functools.singledispatchmethod, functools._lru_cache_wrapper) or isinstance(
        raw, FunctionType
    ):
        return Shape(_innermost(raw), in_class, build=lambda advice: WovenFunction(raw, advice))
    if callable(raw) and not in_class:
        return Shape(raw, False, build=lambda advice: WovenFunction(raw, advice), named=True)
    return None


def _wrapped(raw: Any, function: Any, bound: bool) -> Shape:
    return Shape(function, bound, starts_lazily(function), build=lambda advice: WovenFunction(raw, advice))


def _property(raw: property) -> Shape:
    getter: Any = raw.fget

    def build(advice: Advice) -> property:
        return property(WovenFunction(getter, advice), raw.fset, raw.fdel, raw.__doc__)

    return Shape(raw.fget, True, build=build, named=True)


def _cached_property(raw: functools.cached_property[Any]) -> Shape:
    def build(advice: Advice) -> Any:
        woven = functools.cached_property(WovenFunction(raw.func, advice))
        woven.attrname = raw.attrname
        woven.__doc__ = raw.__doc__
        return woven

    return Shape(raw.func, True, build=build, named=True)


def _innermost(raw: Any) -> Any:
    for name in ("func", "__wrapped__"):
        inner = getattr(raw, name, None)
        if isinstance(inner, FunctionType):
            return inner
    return raw
