"""Says why a callable cannot be woven, before anything is tried."""

from __future__ import annotations

import builtins
from types import (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    FunctionType,
    MethodDescriptorType,
    MethodWrapperType,
    WrapperDescriptorType,
)
from typing import Any

from tracing_proxies.registry.fields import type_name
from tracing_proxies.registry.pointcut import Target

_flags_of = type.__dict__["__flags__"].__get__
_IMMUTABLE = 1 << 8
_HEAP = 1 << 9
# By id: hashing a class may run its metaclass's code.
_IN_C = frozenset(
    map(
        id,
        (
            BuiltinFunctionType,
            ClassMethodDescriptorType,
            MethodDescriptorType,
            MethodWrapperType,
            WrapperDescriptorType,
        ),
    )
)
_IN_PYTHON = frozenset(map(id, (FunctionType, classmethod, staticmethod)))


def reason_for(owner: Any, raw: Any, target: Target) -> str | None:
    """Say why an entry cannot be woven where it stands; None if it can."""
    if type(owner) is dict:
        if owner is vars(builtins):
            return "the tracing layer itself runs on Python's builtins"
        return None
    kind = id(type(raw))
    in_c = kind in _IN_C
    if is_immutable(owner) and (in_c or kind in _IN_PYTHON):
        return f"cannot set attribute of immutable type {type_name(owner)!r}: it is written in C"
    # A built-in function in a Python class's body is called like any other.
    if in_c and type(raw) is not BuiltinFunctionType and not target.name.startswith("__"):
        return f"{target.name!r} is a method that is written in C"
    return None


def is_immutable(cls: type) -> bool:
    """Tell whether a class refuses new attributes: a type that is written in C."""
    flags = _flags_of(cls)
    return not flags & _HEAP or bool(flags & _IMMUTABLE)
