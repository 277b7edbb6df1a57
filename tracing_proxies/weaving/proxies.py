"""The wrapt proxies that stand in the application's place of a callable, and answer every question as it would.

A woven function binds as the interpreter binds its own: an instance's attribute is a ``MethodType`` over the proxy, a
class's attribute is the proxy itself. So ``C.m is C.m``, ``obj.m == obj.m``, and bound methods are hashed, copied and
pickled by the interpreter, as untraced. It is also the quicker way: 320 ns a method call beside wrapt's own 550.

wrapt's own proxies show a ``__wrapped__`` that the function has not, have every special method there is, and refuse to
be copied and pickled. These do not. What is pickled names only the application's own objects and the standard
library's, so any process can read it.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import inspect
import pkgutil
import sys
import weakref
from operator import attrgetter
from types import FunctionType, MethodType
from typing import Any

import wrapt

from tracing_proxies.registry.fields import is_subtype, module_of, mro_of, namespace_of, qualname_of
from tracing_proxies.weaving import compiled
from tracing_proxies.weaving.advice import JoinPoint, wrap
from tracing_proxies.weaving.around import make_advice
from tracing_proxies.weaving.candidates import is_bound_by
from tracing_proxies.weaving.internal import as_of, internal

_advised: Any = () if compiled.advised is None else (compiled.advised,)
_name_of = type.__dict__["__name__"].__get__

PROXY: Any = next(base for base in mro_of(wrapt.FunctionWrapper) if _name_of(base) == "ObjectProxy")
"""The base of all of wrapt's proxies for functions, the application's own as well."""

_begin_as: Any = mro_of(wrapt.FunctionWrapper)[1].__init__
# Without its C extension wrapt keeps the raw object in the proxy's own dict, and reads it there by this name.
_compiled = "__wrapped__" in namespace_of(PROXY)
_read_raw: Any = namespace_of(PROXY)["__wrapped__"].__get__ if _compiled else attrgetter("__wrapped__")
_ASYNC_MANAGER: Any = contextlib.asynccontextmanager(contextlib.aclosing)  # type: ignore[arg-type]
_MAKES_ASYNC_MANAGER = _ASYNC_MANAGER.__code__
_GENERATORS = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR
# To be in every class: reading `__annotations__` of a class that has none of its own puts an empty one there.
_ANNOTATIONS = {"__annotations__": namespace_of(PROXY)["__annotations__"]} if _compiled else {}
_ABSENT = (
    *("__iter__", "__reversed__", "__contains__", "__len__", "__getitem__", "__setitem__", "__delitem__"),
    *("__enter__", "__exit__", "__aenter__", "__aexit__"),
    *("__int__", "__float__", "__complex__", "__bytes__", "__index__", "__abs__", "__round__"),
)
_NOT_FUNCTIONS = frozenset(
    name
    for base in mro_of(wrapt.FunctionWrapper)
    for name in namespace_of(base)
    if name.startswith("__") and not any(name in namespace_of(kind) for kind in (FunctionType, object))
).difference(
    ("__wrapped__", "__object_proxy__", "__self_dict__", "__self_setattr__", "__getattr__"),
    ("__bound_function_wrapper__", "__copy__", "__deepcopy__"),
) | {"__iter__"}
"""The special methods that wrapt's proxies have whatever they wrap, and that functions have not."""


def raw_of(proxy: Any) -> Any:
    """Return what one of our proxies stands for."""
    return _read_raw(proxy)


def point_of(proxy: Any) -> JoinPoint:
    """Return the join point of one of our proxies."""
    point: JoinPoint = proxy._self_tp
    return point


def is_woven(raw: Any) -> bool:
    """Tell whether an object is one of our proxies, whatever it says of itself."""
    return is_subtype(_AsRaw, type(raw))


def stands_between(raw: Any, lazy: bool) -> bool:
    """Tell whether a frame of ours stands between a callable's body and whoever runs it.

    Args:
        raw: what the proxy is made for.
        lazy: whether a call only makes a coroutine or generator.
    """
    if compiled.advised is None or type(raw) is not FunctionType:
        return True
    if raw.__code__ is _MAKES_ASYNC_MANAGER:
        return True
    flags = raw.__code__.co_flags
    return lazy and (not flags & _GENERATORS or bool(flags & inspect.CO_ITERABLE_COROUTINE))


def weave_callable(raw: Any, point: JoinPoint) -> Any:
    """Make the proxy for a callable.

    Args:
        raw: a function, another callable, or a descriptor that answers one.
        point: its join point.
    """
    kind = type(raw)
    if kind is FunctionType:
        return _function_class(point.target.module)(raw, point)
    base: Any = WovenDescriptor if is_bound_by(kind) else WovenObject
    if kind is functools._lru_cache_wrapper:  # binds as functions do
        base = WovenFunction
    # A type of its own, named as the raw object's and with its protocols; it lives as long as the proxy.
    namespace: dict[str, Any] = {name: None for name in _ABSENT if not _has(kind, name)}
    namespace |= {name: getattr(wrapt.FunctionWrapper, name, None) for name in _ABSENT if _has(kind, name)}
    if _has(kind, "__iter__"):
        namespace["__iter__"] = _iterate
    made = type(_name_of(kind), (base,), {**_named_as(kind), **_ANNOTATIONS, **namespace})
    if base is WovenFunction and compiled.advised is not None:
        compiled.straighten(made, kind)
    return made(raw, point)


def _named_as(kind: type) -> dict[str, Any]:
    return {"__module__": module_of(kind), "__qualname__": qualname_of(kind)}


def _iterate(proxy: Any) -> Any:
    return iter(raw_of(proxy))


def _has(kind: type, name: str) -> bool:
    return any(name in namespace_of(base) for base in mro_of(kind))


class _AsRaw:
    """What all our proxies answer in the place of the raw object, where wrapt's own answer differs from it."""

    __slots__ = ()  # a `__dict__` or `__weakref__` of its own would hide the raw object's

    def __getattribute__(self, name: str) -> Any:
        if name in _NOT_FUNCTIONS and not _has(type(raw_of(self)), name):
            raise AttributeError(name)  # wrapt then asks the raw object, which puts it in its own words
        return super().__getattribute__(name)

    if _compiled:
        # `inspect.unwrap` and `getattr(f, "__wrapped__", f)` end here, as untraced, or they would pass the advice by.
        @property
        def __wrapped__(self) -> Any:
            return raw_of(self).__wrapped__

        @__wrapped__.setter
        def __wrapped__(self, value: Any) -> None:
            raw_of(self).__wrapped__ = value

        @__wrapped__.deleter
        def __wrapped__(self) -> None:
            del raw_of(self).__wrapped__

    def __copy__(self) -> Any:
        return _copied(self, copy.copy(raw_of(self)))

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return _copied(self, copy.deepcopy(raw_of(self), memo))

    def __reduce__(self) -> Any:
        return _reduced(self, 2)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _reduced(self, protocol)

    def __repr__(self) -> str:
        return repr(raw_of(self))


class WovenFunction(*_advised, _AsRaw, wrapt.FunctionWrapper):  # type: ignore[misc,type-arg,unused-ignore]
    """Stands for one woven function, or for another callable that binds as functions do.

    Args:
        raw: the callable.
        point: its join point.
    """

    __slots__ = ("_self_tp",)

    def __init__(self, raw: Any, point: JoinPoint) -> None:
        super().__init__(raw, _never_called)
        self._self_tp = point


@internal
def _bind(self: Any, instance: Any, owner: Any = None) -> Any:
    return self if instance is None else MethodType(self, instance)


if compiled.advised is None:
    WovenFunction.__get__ = _bind  # type: ignore[method-assign]
    _advise = make_advice(vars(WovenFunction)["_self_tp"].__get__)
    WovenFunction.__call__ = _advise  # type: ignore[method-assign]
else:
    _original = namespace_of(_AsRaw)["__getattribute__"]
    _wrapts, _wrapped = wrapt.FunctionWrapper.__getattribute__, namespace_of(PROXY).get("__wrapped__")
    compiled.bind(WovenFunction, _original, _wrapts, _wrapped, _NOT_FUNCTIONS)


class WovenObject(WovenFunction):
    """Stands for a callable that does not bind: an object with a ``__call__``, a built-in function."""

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self

    @property
    def __signature__(self) -> Any:
        # inspect takes what has `__get__`, as all of wrapt's proxies have, for a built-in method.
        try:
            return inspect.signature(raw_of(self))
        except (TypeError, ValueError):
            raise AttributeError("__signature__") from None


class WovenBinding(_AsRaw, wrapt.BoundFunctionWrapper):  # type: ignore[misc,type-arg,unused-ignore]
    """Stands for what a woven descriptor has bound to an instance or class."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        raw = raw_of(self)
        if type(raw) is not MethodType or isinstance(raw.__self__, type):
            return _copied(self, copy.deepcopy(raw, memo))
        # Through the parent and not by name: a private or aliased method's name is not the attribute's.
        copied = copy.deepcopy(raw.__self__, memo)
        return self._self_parent.__get__(copied, type(copied))

    def __getattr__(self, name: str) -> Any:
        return getattr(raw_of(self), name)  # wrapt would ask the descriptor first


class WovenDescriptor(_AsRaw, wrapt.FunctionWrapper):  # type: ignore[misc,type-arg,unused-ignore]
    """Stands for a descriptor that binds in a way of its own: ``singledispatchmethod``, another library's proxy.

    Args:
        raw: the descriptor.
        point: its join point.
    """

    __bound_function_wrapper__ = WovenBinding

    def __init__(self, raw: Any, point: JoinPoint) -> None:
        # wrapt's own choice reads `__self__` at each call: an exception where there is none, or the object's own code.
        _begin_as(self, raw, None, wrap(point), None, "function")
        self._self_tp = point
        self._self_tp_bound: Any = weakref.WeakValueDictionary()

    @internal
    def __get__(self, instance: Any, owner: Any = None) -> Any:
        bound: Any = super().__get__(instance, owner)
        # A descriptor that answers the same object twice (since Python 3.13 single-dispatch methods do) does so woven.
        known = self._self_tp_bound.setdefault(id(raw_of(bound)), bound)
        return known if raw_of(known) is raw_of(bound) and known._self_instance is instance else bound


for _made in (_AsRaw, WovenFunction):
    delattr(_made, "__slots__")  # which says nothing any more once a class is made, and functions have none
for _kind in (WovenFunction, WovenBinding):
    # In the interpreter's messages, and for code that goes by the name of a type.
    _kind.__name__ = "function"
    for _name, _value in _ANNOTATIONS.items():
        setattr(_kind, _name, _value)
    for _name in _ABSENT:  # None says that a class takes no part in a protocol: else functions would pass for iterable
        setattr(_kind, _name, None)


class _AsFunctions(type):
    """Has the classes of woven functions found wherever code looks up what to do with functions by `type(f)`."""

    def __eq__(cls, other: object) -> bool:
        is_one = cls is other or other is FunctionType or type(other) is _AsFunctions
        return True if is_one else NotImplemented

    def __hash__(cls) -> int:
        return hash(FunctionType)


_AsFunctions.__name__, _AsFunctions.__qualname__, _AsFunctions.__module__ = "type", "type", "builtins"
_classes: dict[str, Any] = {}


def _function_class(module: str) -> Any:
    """Return the class for the functions of one module, in which the advice's frame is one of that module's."""
    made = _classes.get(module)
    if made is None:
        namespace: dict[str, Any] = {**_named_as(FunctionType), **_ANNOTATIONS, "__slots__": ()}
        if compiled.advised is None:
            namespace["__call__"] = as_of(_advise, module)
        made = _classes[module] = _AsFunctions("function", (WovenFunction,), namespace)
        delattr(made, "__slots__")
        if compiled.advised is not None:
            compiled.straighten(made, FunctionType)
    return made


def _never_called(*args: Any) -> Any:
    raise AssertionError("wrapt's own __call__ is overridden")


def _copied(proxy: Any, copied: Any) -> Any:
    return proxy if copied is raw_of(proxy) else copied


def _reduced(proxy: Any, protocol: Any) -> Any:
    raw = raw_of(proxy)
    reduced = raw.__qualname__ if type(raw) is FunctionType else raw.__reduce_ex__(protocol)
    return _by_name(proxy, raw, reduced) if type(reduced) is str else reduced


def _by_name(proxy: Any, raw: Any, qualname: str) -> Any:
    """Reduce to a name if pickle would accept it, which wants the very same object there; else to how to look it up.

    A name that leads elsewhere is returned as it is, for pickle to say so in its own words.
    """
    path, _, name = qualname.rpartition(".")
    owner: Any = sys.modules.get(raw.__module__)
    try:
        for segment in path.split(".") if path else ():
            owner = getattr(owner, segment)
        found = getattr(owner, name)
    except AttributeError:
        return qualname
    if found is proxy or (found is not raw and not (is_woven(found) and raw_of(found) is raw)):
        return qualname
    # A proxy that was kept beyond the end of tracing.
    return (getattr, (owner, name)) if path else (pkgutil.resolve_name, (f"{raw.__module__}:{name}",))
