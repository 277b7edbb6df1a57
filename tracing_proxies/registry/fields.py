"""Reading one field of a foreign object without running any of its code."""

from __future__ import annotations

import enum
import types
import weakref
from collections import namedtuple
from collections.abc import Callable, Mapping
from functools import _lru_cache_wrapper, partial
from typing import Any, Final

from tracing_proxies.compiled import hot

Reader = Callable[[Any], Any]


class Missing:
    """Is the one value that says: there is nothing here. It is false, and never equal to anything else."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "MISSING"

    def __reduce__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()

# The type's own slots, read past any metaclass that overrides `__getattribute__`.
_read_mro: Final = type.__dict__["__mro__"].__get__
is_subtype: Final = type.__subclasscheck__
"""``is_subtype(base, kind)`` is ``issubclass(kind, base)`` past what a metaclass may say; 50 ns."""
_read_namespace: Final = type.__dict__["__dict__"].__get__
_read_module: Final = type.__dict__["__module__"].__get__
_NO_NAMESPACE: Final[Mapping[str, Any]] = types.MappingProxyType({})
qualname_of: Final = type.__dict__["__qualname__"].__get__
_exception_args: Final = BaseException.__dict__["args"].__get__
_read_plainly: Final = object.__getattribute__
_TupleGetter: Final = type(_read_namespace(namedtuple("_Sample", "x"))["x"])
_KINDS_OF_C: Final = (
    *(BaseException, types.FunctionType, types.ModuleType, types.SimpleNamespace, classmethod, staticmethod),
    *(partial, _lru_cache_wrapper),
)
_DOC_OF_PYTHONS: Final = _read_namespace(type("_Plain", (), {}))["__dict__"].__doc__
_SLOTS_OF_C: Final = (types.GetSetDescriptorType, types.MemberDescriptorType)
_MOST_ARGUMENTS = 16
_LONGEST_ARGUMENT = 4_000
_LARGEST_INT_BITS = 4_096

_MOST_TYPES = 4_096
_MOST_NAMES = 256
# How a name is read, per type. By id, since hashing a class may run its metaclass's code; the weak reference tells a
# class from a later one at the same address.
_known: dict[int, tuple[weakref.ref[type], dict[str, Reader], dict[str, Reader]]] = {}


def mro_of(kind: type) -> tuple[Any, ...]:
    """Return a class and its bases in their order, past what its metaclass may say."""
    found: tuple[Any, ...] | None = _read_mro(kind)
    if found is None:  # a type of C's of which nobody has asked anything yet: that makes it ready
        type.__getattribute__(kind, "__name__")
        found = _read_mro(kind)
    return (kind, object) if found is None else found


def namespace_of(kind: type) -> Mapping[str, Any]:
    """Return a class's own attributes, past what its metaclass may say; none of a type of C's that is not ready yet."""
    found: Mapping[str, Any] | None = _read_namespace(kind)
    return _NO_NAMESPACE if found is None else found


def module_of(kind: type) -> Any:
    """Return a class's module, past what its metaclass may say; "" where it was made in code without a ``__name__``."""
    try:
        return _read_module(kind)
    except AttributeError:
        return ""


def attributes_of(obj: Any) -> dict[str, Any] | None:
    """Return an object's own attributes, None where it has none, or where its class has a ``__dict__`` of its own."""
    for base in mro_of(type(obj)):
        found = namespace_of(base).get("__dict__")
        if found is not None:
            # Of the types of C only those whose slot is known: that of wrapt's proxies asks what they stand for.
            is_known = any(base is kind for kind in _KINDS_OF_C)
            is_plain = type(found) in _SLOTS_OF_C and (found.__doc__ == _DOC_OF_PYTHONS or is_known)
            fields = found.__get__(obj) if is_plain else None
            return fields if type(fields) is dict else None
    return None


def read_field(obj: Any, name: str, *, call_properties: bool = False) -> Any:
    """Read a mapping's key or a model's field.

    Mappings are dicts and their subclasses; models are attrs, dataclasses, pydantic, named tuples, enums, exceptions
    (`type`, `message`, `args`) and plain instances. No property, descriptor, `__getattr__` or `__getattribute__` runs.

    Args:
        call_properties: whether a property of this name may run all the same.

    Returns:
        The value, or MISSING.
    """
    kind = type(obj)
    if kind is dict:
        return obj.get(name, MISSING)
    entry = _known.get(id(kind))
    if entry is None or entry[0]() is not kind:
        if len(_known) >= _MOST_TYPES:
            _known.clear()
        entry = _known[id(kind)] = (weakref.ref(kind), {}, {})
    readers = entry[2] if call_properties else entry[1]
    reader = readers.get(name)
    if reader is None:
        reader = _reader_for(kind, name, call_properties)
        if len(readers) < _MOST_NAMES:
            readers[name] = reader
    return reader(obj)


def type_name(kind: type) -> str:
    """Return a class's qualified name, without `builtins.`, and without asking its metaclass."""
    module, qualname = module_of(kind), qualname_of(kind)
    if type(module) is not str or module in ("", "builtins"):
        return str(qualname)
    return f"{module}.{qualname}"


def model_fields(kind: type) -> tuple[str, ...] | None:
    """Name the fields of a known kind of model that may be shown.

    Args:
        kind: the class of a value.

    Returns:
        The names, without those that the class itself keeps out of its ``repr``; None if it is no known model.
    """
    mro = mro_of(kind)
    found = find_in_namespaces(mro, "__attrs_attrs__")
    if found is not MISSING:
        return tuple(a.name for a in found if a.repr is not False)
    for name in ("__dataclass_fields__", "__pydantic_fields__"):
        found = find_in_namespaces(mro, name)
        if found is not MISSING:
            return tuple(name for name, field in found.items() if field.repr)
    if any(base is tuple for base in mro):
        found = find_in_namespaces(mro, "_fields")
        if isinstance(found, tuple):
            return tuple(found)
    return None


def _reader_for(kind: type, name: str, call_properties: bool) -> Reader:
    mro = mro_of(kind)
    reader = _special_reader(mro, name) or _attribute_reader(kind, mro, name, call_properties)
    if any(base is dict for base in mro):

        def read_key_first(obj: Any) -> Any:
            value = dict.get(obj, name, MISSING)
            return reader(obj) if value is MISSING else value

        return read_key_first
    return reader


def _special_reader(mro: tuple[type, ...], name: str) -> Reader | None:
    for base in mro:
        if base is enum.Enum and name in ("value", "name"):
            return lambda obj: _read(obj, f"_{name}_")
        if base is BaseException and name == "type":
            return lambda obj: type_name(type(obj))
        if base is BaseException and name == "message":
            return _message
        if base is BaseException and name == "args":
            return _exception_args  # type: ignore[no-any-return]
        if base is type:
            return lambda obj: _class_data(obj, name)
    return None


def _attribute_reader(kind: type, mro: tuple[type, ...], name: str, call_properties: bool) -> Reader:
    declared = find_in_namespaces(mro, name)
    how = type(declared)
    if declared is MISSING:
        extra = find_in_namespaces(mro, "__pydantic_extra__")
        if type(extra) is types.MemberDescriptorType:
            return lambda obj: _read_with_extra(obj, name)
        return _direct_reader(name)
    if how is types.MemberDescriptorType or not _has(how, "__get__"):
        # Nothing on the class can run here, so the C lookup is safe: it reads instance, slot and class data in 60 ns.
        return _direct_reader(name)
    if how is _TupleGetter:
        return lambda obj: _TupleGetter.__get__(declared, obj, kind)
    shadows = _has(how, "__set__") or _has(how, "__delete__")
    namespace = find_in_namespaces(mro, "__dict__")
    if type(namespace) is not types.GetSetDescriptorType:
        namespace = None

    def read_past_descriptor(obj: Any) -> Any:
        if not shadows and namespace is not None:
            value = namespace.__get__(obj).get(name, MISSING)
            if value is not MISSING:
                return value
        if call_properties and not isinstance(declared, types.FunctionType):
            return how.__get__(declared, obj, kind)
        return MISSING

    return read_past_descriptor


def _direct_reader(name: str) -> Reader:
    if hot is not None:
        return hot.Direct(name)  # type: ignore[no-any-return]

    def read(obj: Any) -> Any:
        try:
            return _read_plainly(obj, name)
        except AttributeError:
            return MISSING

    return read


def _read(obj: Any, name: str) -> Any:
    try:
        return _read_plainly(obj, name)
    except AttributeError:
        return MISSING


def _read_with_extra(obj: Any, name: str) -> Any:
    value = _read(obj, name)
    if value is MISSING:
        extra = _read(obj, "__pydantic_extra__")
        return extra.get(name, MISSING) if type(extra) is dict else MISSING
    return value


def _class_data(cls: type, name: str) -> Any:
    declared = find_in_namespaces(mro_of(cls), name)
    return MISSING if _has(type(declared), "__get__") else declared


def find_in_namespaces(mro: tuple[type, ...], name: str) -> Any:
    """Return what the nearest of some classes has under a name, without binding it; or MISSING."""
    for base in mro:
        namespace = namespace_of(base)
        if name in namespace:
            return namespace[name]
    return MISSING


def _has(kind: type, name: str) -> bool:
    return any(name in namespace_of(base) for base in mro_of(kind))


def _message(exc: BaseException) -> str:
    return ", ".join(_argument(arg) for arg in _exception_args(exc)[:_MOST_ARGUMENTS])


def _argument(arg: Any) -> str:
    kind = type(arg)
    if kind is str:
        return str(arg) if len(arg) <= _LONGEST_ARGUMENT else arg[:_LONGEST_ARGUMENT] + "…"
    if kind is int:  # printing a huge one is quadratic, and refused beyond 4,300 digits
        return str(arg) if arg.bit_length() <= _LARGEST_INT_BITS else f"<int of {arg.bit_length():,} bits>"
    plain = kind is float or kind is bool or arg is None
    return str(arg) if plain else f"<{type_name(kind)}>"


if hot is not None:
    hot.bind_reading({"MISSING": MISSING, "read_field": read_field, "readers": _known})
