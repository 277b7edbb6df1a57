"""The base of what stands in for a generator or context manager.

Not wrapt's object proxy: that one has every special method there is, so `hasattr(generator, "__len__")` would be true.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any, TypeVar

_Class = TypeVar("_Class", bound=type)
_OWN = frozenset(("_tp_state", "_tp_wrapped"))
_set = object.__setattr__


class StandIn:
    """Passes for the object that it wraps in `isinstance`, attributes and `repr`; has only the methods it is given."""

    __slots__ = ("__weakref__", "_tp_state", "_tp_wrapped")

    def __init_subclass__(cls) -> None:
        if "__slots__" in vars(cls):
            del cls.__slots__  # which says nothing any more once a class is made, and generators have none

    def __init__(self, wrapped: Any, state: Any) -> None:
        _set(self, "_tp_wrapped", wrapped)
        _set(self, "_tp_state", state)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return self._tp_wrapped.__class__  # and not its type: it may be a stand-in itself

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tp_wrapped, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _OWN:
            _set(self, name, value)
        else:
            setattr(self._tp_wrapped, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._tp_wrapped, name)

    def __reduce_ex__(self, protocol: Any) -> Any:
        # Generators refuse to be copied or pickled; two stand-ins for one would both end its span.
        return self._tp_wrapped.__reduce_ex__(protocol)

    def __dir__(self) -> list[str]:
        return dir(self._tp_wrapped)

    def __repr__(self) -> str:
        return repr(self._tp_wrapped)


delattr(StandIn, "__slots__")


class _Text:
    """The text of what each stands for; of the class, that of the class they stand for."""

    def __init__(self, kind: type) -> None:
        self._text = kind.__doc__

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self._text if instance is None else instance._tp_wrapped.__doc__

    def __set__(self, instance: Any, value: Any) -> None:
        instance._tp_wrapped.__doc__ = value


def stands_for(kind: type) -> Callable[[_Class], _Class]:
    """Give a class of stand-ins, and its methods, the names that the interpreter's messages have, and each its text.

    Args:
        kind: the class of what they stand for.
    """

    def name(cls: _Class) -> _Class:
        cls.__name__, cls.__qualname__, cls.__module__ = kind.__name__, kind.__qualname__, kind.__module__
        cls.__doc__ = _Text(kind)  # type: ignore[assignment]
        for name, method in vars(cls).items():
            original = getattr(kind, name, None)
            if type(method) is FunctionType and type(original) is FunctionType:
                method.__qualname__, method.__doc__ = original.__qualname__, original.__doc__
                method.__annotations__ = original.__annotations__
        return cls

    return name
