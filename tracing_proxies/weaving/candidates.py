"""What a module or class offers to be woven, by name, found without running any code of what lies there.

`isinstance`, `callable` and `getattr` ask an object for its `__class__` or attributes, which lazy objects evaluate; so
only types are asked here.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import Any

from tracing_proxies.registry.fields import mro_of, namespace_of
from tracing_proxies.registry.pointcut import ClassRef, Target


def class_ref(cls: type) -> ClassRef:
    """Describe a class by name: its module, its path, and the public methods in its own namespace."""
    public = frozenset(name for name, raw in namespace_of(cls).items() if not name.startswith("_") and is_method(raw))
    return ClassRef(str(cls.__module__), cls.__qualname__, public)


def class_targets(cls: type) -> Iterator[tuple[str, Any, Target]]:
    """Yield the entries of a class with the targets that they are: name, raw entry, target."""
    ancestry = ancestry_of(cls)
    module, path = str(cls.__module__), cls.__qualname__
    for name, raw in list(namespace_of(cls).items()):
        if is_method(raw):
            yield name, raw, Target(module, path, name, ancestry)


def ancestry_of(cls: type) -> tuple[ClassRef, ...]:
    """Describe the classes of the method resolution order, the class itself first."""
    return tuple(class_ref(base) for base in mro_of(cls) if base is not object)


def module_targets(module: ModuleType) -> Iterator[tuple[str, Any, Target]]:
    """Yield the functions that a module defines itself, not those that it imports."""
    for name, raw in list(vars(module).items()):
        if is_callable(raw) and home_of(raw) == module.__name__:
            yield name, raw, Target(module.__name__, None, name)


def module_classes(module: ModuleType) -> Iterator[type]:
    """Yield the classes that a module defines, nested ones after those that hold them."""
    waiting = [raw for raw in list(vars(module).values()) if is_class(raw) and _is_defined_in(raw, module)]
    seen: set[int] = set()
    while waiting:
        cls = waiting.pop(0)
        if id(cls) in seen:
            continue
        seen.add(id(cls))
        yield cls
        waiting += [
            raw
            for raw in list(namespace_of(cls).values())
            if is_class(raw) and _is_defined_in(raw, module) and raw.__qualname__.startswith(cls.__qualname__ + ".")
        ]


def find_class(module: ModuleType, path: str) -> type | None:
    """Find a class in a module by its path, without running a module's ``__getattr__``."""
    first, *others = path.split(".")
    found = vars(module).get(first)
    for segment in others:
        found = namespace_of(found).get(segment) if is_class(found) else None
    return found if is_class(found) else None


def defining_class(cls: type, name: str) -> type | None:
    """Find the class in the method resolution order whose own namespace holds a name."""
    return next((base for base in mro_of(cls) if name in namespace_of(base)), None)


def is_class(raw: Any) -> bool:
    """Tell whether an object is a class, whatever it says of itself."""
    return any(base is type for base in mro_of(type(raw)))


def is_callable(raw: Any) -> bool:
    """Tell whether an object can be called and is no class."""
    return not is_class(raw) and _has(type(raw), "__call__")


def is_method(raw: Any) -> bool:
    """Tell whether an entry of a class may be something like a method."""
    return not is_class(raw) and (_has(type(raw), "__get__") or _has(type(raw), "__call__"))


def is_bound_by(kind: type) -> bool:
    """Tell whether objects of a type bind to an instance that they are read from, as functions do."""
    return _has(kind, "__get__")


def home_of(raw: Any) -> str | None:
    """Return the module that a callable was defined in, as far as it can be told without running its code."""
    if type(raw) is FunctionType:
        return raw.__module__
    try:
        stored = object.__getattribute__(raw, "__dict__")
    except AttributeError:
        return None
    if type(stored) is not dict:
        return None
    named, wrapped = stored.get("__module__"), stored.get("__wrapped__")
    if type(named) is str:
        return named
    return wrapped.__module__ if type(wrapped) is FunctionType else None


def _is_defined_in(cls: type, module: ModuleType) -> bool:
    return bool(namespace_of(cls).get("__module__") == module.__name__)


def _has(kind: type, name: str) -> bool:
    return any(name in namespace_of(base) for base in mro_of(kind))
