"""What stands in a namespace, and how each kind of entry is woven."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import FunctionType
from typing import Any

import attrs
import wrapt

from tracing_proxies.recording.scope import starts_lazily
from tracing_proxies.registry.fields import mro_of
from tracing_proxies.weaving.advice import Advice
from tracing_proxies.weaving.candidates import is_callable, is_class, is_method
from tracing_proxies.weaving.proxies import WovenFunction

_DESCRIPTORS = (functools.partialmethod, functools.singledispatchmethod, functools._lru_cache_wrapper)


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
    # Compared by identity: hashing or comparing a foreign class may run its metaclass's code.
    for held, container in containers.items():
        if kind is held:
            return container(raw, in_class)
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
    if is_class(raw) or not is_method(raw):
        return None
    if any(kind is known for known in _DESCRIPTORS) or any(base is wrapt.ObjectProxy for base in mro_of(kind)):
        return Shape(_innermost(raw), in_class, build=lambda advice: WovenFunction(raw, advice))
    if is_callable(raw) and not in_class:
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
        if type(inner) is FunctionType:
            return inner
    return raw


def unwoven(raw: Any) -> Any:
    """Return what an entry was before it was woven, or the entry itself if it is not of ours.

    A class decorator that builds a second class (`attrs.define`, `dataclass(slots=True)`) copies our proxies into it.
    """
    kind = type(raw)
    if kind is WovenFunction:
        return raw.__wrapped__
    if kind is property and type(raw.fget) is WovenFunction:
        return property(raw.fget.__wrapped__, raw.fset, raw.fdel, raw.__doc__)
    if kind is functools.cached_property and type(raw.func) is WovenFunction:
        original: Any = functools.cached_property(raw.func.__wrapped__)
        original.attrname, original.__doc__ = raw.attrname, raw.__doc__
        return original
    return raw
