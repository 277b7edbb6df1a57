"""The wrapt proxies that stand in the application's place of a callable, and survive copy and pickle.

wrapt's own function proxies raise ``NotImplementedError`` on both. Here a proxy is copied and pickled as what it wraps:
a function by its qualified name, a bound method as ``getattr``, any other callable as it says itself. What is pickled
names only the application's own objects and the standard library's, so any process can read it.
"""

from __future__ import annotations

import copy
import pkgutil
import sys
from types import FunctionType, MethodType
from typing import Any

import wrapt


class WovenBoundFunction(wrapt.BoundFunctionWrapper):  # type: ignore[misc,type-arg,unused-ignore]
    """Stands for a woven function that was bound to an instance or a class."""

    def __copy__(self) -> Any:
        return self if type(self.__wrapped__) is MethodType else _copied(self, copy.copy(self.__wrapped__))

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if type(self.__wrapped__) is not MethodType:
            return _copied(self, copy.deepcopy(self.__wrapped__, memo))
        owner = self.__wrapped__.__self__
        if isinstance(owner, type):
            return self
        # Through the parent and not by name: a private or aliased method's name is not the attribute's.
        copied = copy.deepcopy(owner, memo)
        return self._self_parent.__get__(copied, type(copied))

    def __reduce__(self) -> Any:
        return _reduced(self, 2)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _reduced(self, protocol)


class WovenFunction(wrapt.FunctionWrapper):  # type: ignore[misc,type-arg,unused-ignore]
    """Stands for one woven entry of a class or module, as it is stored there."""

    __bound_function_wrapper__ = WovenBoundFunction

    def __copy__(self) -> Any:
        return _copied(self, copy.copy(self.__wrapped__))

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return _copied(self, copy.deepcopy(self.__wrapped__, memo))

    def __reduce__(self) -> Any:
        return _reduced(self, 2)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _reduced(self, protocol)


def _copied(proxy: Any, copied: Any) -> Any:
    return proxy if copied is proxy.__wrapped__ else copied


def _reduced(proxy: Any, protocol: Any) -> Any:
    raw = proxy.__wrapped__
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
    if found is proxy or (found is not raw and getattr(found, "__wrapped__", None) is not raw):
        return qualname
    if path:  # a method that was read from its class: each reading makes another proxy
        return getattr, (owner, name)
    # A proxy that was kept beyond the end of tracing.
    return pkgutil.resolve_name, (f"{raw.__module__}:{name}",)
