"""What a module or class offers to be woven, by name."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

from tracing_proxies.registry.pointcut import ClassRef, Target


def class_ref(cls: type) -> ClassRef:
    """Describe a class by name: its module, its path, and the public methods in its own namespace."""
    public = frozenset(name for name, raw in vars(cls).items() if not name.startswith("_") and _is_method(raw))
    return ClassRef(str(cls.__module__), cls.__qualname__, public)


def class_targets(cls: type) -> Iterator[tuple[str, Any, Target]]:
    """Yield the entries of a class with the targets that they are: name, raw entry, target."""
    ancestry = tuple(class_ref(base) for base in cls.__mro__ if base is not object)
    module, path = str(cls.__module__), cls.__qualname__
    for name, raw in list(vars(cls).items()):
        if _is_method(raw):
            yield name, raw, Target(module, path, name, ancestry)


def module_targets(module: ModuleType) -> Iterator[tuple[str, Any, Target]]:
    """Yield the functions that a module defines itself, not those that it imports."""
    for name, raw in list(vars(module).items()):
        if not isinstance(raw, type) and callable(raw) and getattr(raw, "__module__", None) == module.__name__:
            yield name, raw, Target(module.__name__, None, name)


def module_classes(module: ModuleType) -> Iterator[type]:
    """Yield the classes that a module defines, nested ones after those that hold them."""
    waiting = [
        raw for raw in list(vars(module).values()) if isinstance(raw, type) and raw.__module__ == module.__name__
    ]
    seen: set[int] = set()
    while waiting:
        cls = waiting.pop(0)
        if id(cls) in seen:
            continue
        seen.add(id(cls))
        yield cls
        waiting += [
            raw
            for raw in list(vars(cls).values())
            if isinstance(raw, type)
            and raw.__module__ == module.__name__
            and raw.__qualname__.startswith(cls.__qualname__)
        ]


def find_class(module: ModuleType, path: str) -> type | None:
    """Find a class in a module by its path, without running a module's ``__getattr__``."""
    found: Any = module
    for segment in path.split("."):
        found = vars(found).get(segment) if hasattr(found, "__dict__") else None
        if found is None:
            return None
    return found if isinstance(found, type) else None


def defining_class(cls: type, name: str) -> type | None:
    """Find the class in the method resolution order whose own namespace holds a name."""
    return next((base for base in cls.__mro__ if name in vars(base)), None)


def _is_method(raw: Any) -> bool:
    return not isinstance(raw, type) and (
        callable(raw) or isinstance(raw, (classmethod, staticmethod, property)) or hasattr(type(raw), "__get__")
    )
