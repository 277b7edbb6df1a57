"""What stands in a namespace, and how each kind of entry is woven."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import FunctionType
from typing import Any

import attrs

from tracing_proxies.recording.scope import starts_lazily
from tracing_proxies.registry.fields import attributes_of, is_subtype
from tracing_proxies.weaving.advice import JoinPoint
from tracing_proxies.weaving.candidates import is_bound_by, is_callable, is_class, is_method
from tracing_proxies.weaving.proxies import PROXY, is_woven, point_of, raw_of, weave_callable

_GETTERS = ("func", "fget")


@attrs.frozen(eq=False, repr=False)
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
        return _wrapped(raw, in_class)
    if is_class(raw) or not is_method(raw):
        return None
    if in_class:
        if _is_a(kind, classmethod) or _is_a(kind, staticmethod):
            return _held_by_class(raw)
        if _is_a(kind, property):
            return None if raw.fget is None else _property(raw)
        if kind is functools.partialmethod:
            return _swapped(raw, "func")
        if kind is functools.cached_property:
            return _swapped(raw, "func", named=True)
    elif not is_callable(raw):
        return None
    if kind is functools.singledispatchmethod or kind is functools._lru_cache_wrapper or _is_a(kind, PROXY):
        return _wrapped(raw, in_class)
    if is_callable(raw):
        return _wrapped(raw, in_class and is_bound_by(kind), named=True)
    return _swapped(raw, _getter_within(raw), named=True)


def _wrapped(raw: Any, bound: bool, *, named: bool = False) -> Shape:
    """Put a proxy in the entry's place."""
    function = raw if named else _innermost(raw)
    return Shape(
        function, bound, starts_lazily(raw), build=lambda point: weave_callable(raw, point), named=named, call=raw
    )


def _held_by_class(raw: Any) -> Shape | None:
    """Make a class or static method anew, of the same type, around a woven function."""
    kind = classmethod if _is_a(type(raw), classmethod) else staticmethod
    inner = shape_of(raw.__func__, kind is classmethod, {})
    if inner is None or inner.build is None:
        return None
    make, named = inner.build, _is_a(type(raw.__func__), property)
    return attrs.evolve(
        inner, build=lambda point: _copied(raw, kind, make(point)), bound=kind is classmethod, named=named
    )


def _property(raw: property) -> Shape:
    """Make a property anew around a woven getter; its setter and deleter stay."""
    getter: Any = raw.fget
    kind: Any = type(raw)
    plain = kind.__init__ is property.__init__ and kind.__new__ is property.__new__

    def build(point: JoinPoint) -> Any:
        woven = weave_callable(getter, point)
        if plain:  # its own way to do it keeps the name for its messages, and where its text comes from
            made = property.getter(raw, woven)
            if kind is not property:
                vars(made).update(vars(raw))
            return made
        return _copied(raw, property, woven, raw.fset, raw.fdel, raw.__doc__)

    return Shape(_innermost(getter), True, starts_lazily(getter), build=build, named=True, call=getter)


def _swapped(raw: Any, attribute: str | None, *, named: bool = False) -> Shape | None:
    """Put a proxy into a descriptor, which stays where it is."""
    fields = _fields_of(raw)
    held = fields.get(attribute) if attribute is not None else None
    if attribute is None or held is None or is_woven(held):
        return None
    shape = shape_of(held, True, {})
    if shape is None or shape.build is None:
        return None
    build = shape.build

    def install(point: JoinPoint) -> Callable[[], None]:
        woven = fields[attribute] = build(point)

        def take_back() -> None:
            if fields.get(attribute) is woven:
                fields[attribute] = held

        return take_back

    return attrs.evolve(shape, build=None, install=install, named=named)


def _getter_within(raw: Any) -> str | None:
    """Find the one function that a descriptor of an unknown type keeps, a user's own cached property for instance."""
    names = [name for name, value in _fields_of(raw).items() if type(value) is FunctionType]
    return next((name for name in names if name in _GETTERS), names[0] if len(names) == 1 else None)


def _innermost(raw: Any) -> Any:
    if type(raw) is FunctionType:
        return raw
    for name in ("func", "__wrapped__"):
        inner = getattr(raw, name, None)
        if type(inner) is FunctionType:
            return inner
    return raw


def _copied(raw: Any, base: Any, *args: Any) -> Any:
    """Make an object of the same type by way of a base class's constructor, with the same attributes."""
    kind = type(raw)
    made = base.__new__(kind)
    base.__init__(made, *args)
    fields, inner = _fields_of(made), raw_of(args[0]) if is_woven(args[0]) else None
    fields.clear()
    fields.update({name: args[0] if value is inner else value for name, value in _fields_of(raw).items()})
    return made


def _fields_of(raw: Any) -> dict[str, Any]:
    fields = attributes_of(raw)
    return {} if fields is None else fields


def _is_a(kind: type, base: type) -> bool:
    return is_subtype(base, kind)


def proxy_of(raw: Any) -> Any:
    """Return the proxy that an entry is or holds, None if there is none of ours."""
    kind = type(raw)
    if kind is FunctionType:  # as nearly everything is that is asked about
        return None
    if is_woven(raw):
        return raw
    if _is_a(kind, classmethod) or _is_a(kind, staticmethod):
        held = raw.__func__
    elif _is_a(kind, property):
        held = raw.fget
    else:
        return None
    return held if is_woven(held) else None


def unwoven(raw: Any) -> Any:
    """Return what an entry was before it was woven, or the entry itself if it is not of ours.

    A class decorator that builds a second class (`attrs.define`, `dataclass(slots=True)`) copies our entries into it.
    """
    proxy = proxy_of(raw)
    if proxy is None:
        return raw
    point = point_of(proxy)
    if raw is point.entry:
        return point.raw
    # Made of ours by the application: `@Base.name.setter` in a subclass, for instance.
    if raw is proxy:
        return raw_of(proxy)
    if _is_a(type(raw), property):
        return property.getter(raw, raw_of(proxy))
    return _copied(raw, classmethod if _is_a(type(raw), classmethod) else staticmethod, raw_of(proxy))
