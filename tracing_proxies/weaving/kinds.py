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
from tracing_proxies.weaving.advice import JoinPoint
from tracing_proxies.weaving.candidates import is_callable, is_class, is_method
from tracing_proxies.weaving.proxies import WovenDescriptor, WovenFunction

_BOUND_ALIKE = (functools._lru_cache_wrapper,)  # binds as functions do
_DESCRIPTORS = (functools.partialmethod, functools.singledispatchmethod)
_FOREIGN_PROXY = getattr(wrapt, "BaseObjectProxy", wrapt.ObjectProxy)  # of wrapt 2, or of wrapt 1


@attrs.frozen(eq=False)
class Shape:
    """How one entry is woven.

    Args:
        function: the raw function, by which the entry is known.
        bound: whether its first parameter is the instance or class.
        lazy: whether a call only makes a coroutine or generator.
        build: makes the new entry for a join point; None where the entry stays and ``install`` does the work.
        install: puts the advice behind an entry that must stay as it is; returns how to take it back.
        call: what a call is handed on to, if that is not the function itself.
        named: whether only a pattern that writes out the name reaches it (properties run on mere reading).
    """

    function: Any
    bound: bool
    lazy: bool = False
    build: Callable[[JoinPoint], Any] | None = None
    install: Callable[[JoinPoint], Callable[[], None]] | None = None
    named: bool = False
    call: Any = None


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
        return Shape(raw, in_class, starts_lazily(raw), build=lambda point: WovenFunction(raw, point))
    if kind is classmethod or kind is staticmethod:
        return _method(raw, kind)
    if kind is property:
        return None if raw.fget is None else _property(raw)
    if kind is functools.cached_property:
        return _cached_property(raw)
    if is_class(raw) or not is_method(raw):
        return None
    if any(kind is known for known in _BOUND_ALIKE):
        return Shape(_innermost(raw), in_class, build=lambda point: WovenFunction(raw, point), call=raw)
    if any(kind is known for known in _DESCRIPTORS) or any(base is _FOREIGN_PROXY for base in mro_of(kind)):
        return Shape(_innermost(raw), in_class, build=lambda point: WovenDescriptor(raw, point))
    if is_callable(raw) and not in_class:
        return Shape(raw, False, build=lambda point: WovenFunction(raw, point), named=True)
    return None


def _method(raw: Any, kind: Any) -> Shape | None:
    inner = raw.__func__
    shape = shape_of(inner, kind is classmethod, {})
    if shape is None or shape.build is None:
        return None
    make = shape.build

    def build(point: JoinPoint) -> Any:
        # A real one again: what it binds is ours.
        woven = kind(make(point))
        vars(woven).update(vars(raw))
        if "__wrapped__" in vars(woven):
            vars(woven)["__wrapped__"] = woven.__func__
        return woven

    return attrs.evolve(shape, build=build, bound=kind is classmethod, named=False)


def _property(raw: property) -> Shape:
    getter: Any = raw.fget

    def build(point: JoinPoint) -> property:
        return property(WovenFunction(getter, point), raw.fset, raw.fdel, raw.__doc__)

    return Shape(raw.fget, True, build=build, named=True)


def _cached_property(raw: functools.cached_property[Any]) -> Shape:
    def build(point: JoinPoint) -> Any:
        woven = functools.cached_property(WovenFunction(raw.func, point))
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
    proxy = proxy_of(raw)
    if proxy is None:
        return raw
    point: JoinPoint = proxy._self_tp
    if raw is point.entry:
        return point.raw
    kind = type(raw)
    if kind is property:  # a subclass's, made of ours by `@Base.name.setter`
        return property(proxy.__wrapped__, raw.fset, raw.fdel, raw.__doc__)
    if kind is functools.cached_property:
        original: Any = functools.cached_property(proxy.__wrapped__)
        original.attrname, original.__doc__ = raw.attrname, raw.__doc__
        return original
    return proxy.__wrapped__ if raw is proxy else kind(proxy.__wrapped__)


def proxy_of(raw: Any) -> Any:
    """Return the proxy that an entry is or holds, None if there is none of ours."""
    kind = type(raw)
    if kind is WovenFunction or kind is WovenDescriptor:
        return raw
    held: Any = None
    if kind is classmethod or kind is staticmethod:
        held = raw.__func__
    elif kind is property:
        held = raw.fget
    elif kind is functools.cached_property:
        held = raw.func
    return held if type(held) is WovenFunction or type(held) is WovenDescriptor else None
