"""The wrapt proxies that stand in the application's place of a callable, and survive copy and pickle.

wrapt's own function proxies raise ``NotImplementedError`` on both. A function is copied as itself and pickled by its
qualified name; a bound method is copied as the attribute of the copied instance and pickled as ``getattr``.
"""

from __future__ import annotations

import copy
from typing import Any

import wrapt


class WovenBoundFunction(wrapt.BoundFunctionWrapper):  # type: ignore[misc,type-arg,unused-ignore]
    """Stands for a woven function that was bound to an instance or a class."""

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        owner = getattr(self.__wrapped__, "__self__", None)
        if owner is None or isinstance(owner, type):
            return self
        # Through the parent and not by name: a private or aliased method's name is not the attribute's.
        copied = copy.deepcopy(owner, memo)
        return self._self_parent.__get__(copied, type(copied))

    def __reduce_ex__(self, protocol: Any) -> Any:
        owner = getattr(self.__wrapped__, "__self__", None)
        if owner is None:
            return str(self.__wrapped__.__qualname__)
        return getattr, (owner, self.__wrapped__.__name__)


class WovenFunction(wrapt.FunctionWrapper):  # type: ignore[misc,type-arg,unused-ignore]
    """Stands for one woven entry of a class or module, as it is stored there."""

    __bound_function_wrapper__ = WovenBoundFunction

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self

    def __reduce_ex__(self, protocol: Any) -> Any:
        return str(self.__wrapped__.__qualname__)
