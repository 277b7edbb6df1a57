"""What a module or class offers to be woven, by name, found without running any code of what lies there.

`isinstance`, `callable` and `getattr` ask an object for its `__class__` or attributes, which lazy objects evaluate; so
only types are asked here.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from types import FunctionType
from typing import Any

import attrs

from tracing_proxies.registry.fields import attributes_of, is_subtype, module_of, mro_of, namespace_of, qualname_of
from tracing_proxies.registry.pointcut import ClassRef, Target
from tracing_proxies.weaving.contents import items_of
from tracing_proxies.weaving.modules import exports_lazily, loaded_entries, main_name, public_name


def class_ref(cls: type) -> ClassRef:
    """Describe a class by name: its module, its path, and the public methods in its own namespace."""
    public = frozenset(name for name, raw in namespace_of(cls).items() if not name.startswith("_") and is_method(raw))
    return ClassRef(module_of_class(cls), path_of(cls), public)


def class_targets(cls: type) -> Iterator[tuple[str, Any, Target]]:
    """Yield the entries of a class with the targets that they are: name, raw entry, target."""
    ancestry = ancestry_of(cls)
    module, path = module_of_class(cls), path_of(cls)
    for name, raw in items_of(namespace_of(cls)):
        if is_method(raw):
            yield name, raw, Target(module, path, name, ancestry)


def path_of(cls: type) -> str:
    """Return the path of a class in its module; some metaclasses put the module's name before it."""
    path, module = str(qualname_of(cls)), module_of(cls)
    if type(module) is not str or not path.startswith(f"{module}."):
        return path
    # Unless a class is called as its module is.
    return path if is_class(loaded_entries(module).get(path.partition(".")[0])) else path[len(module) + 1 :]


def module_of_class(cls: type) -> str:
    """Return the name that rules know a class's module by."""
    return public_name(str(module_of(cls)))


def as_main(target: Target) -> Target:
    """Describe a target of the main module by the name that the module has while it runs."""
    name = main_name()
    ancestry = tuple(attrs.evolve(ref, module="__main__") if ref.module == name else ref for ref in target.ancestry)
    return Target("__main__" if target.module == name else target.module, target.path, target.name, ancestry)


def ancestry_of(cls: type) -> tuple[ClassRef, ...]:
    """Describe the classes of the method resolution order, the class itself first."""
    return tuple(class_ref(base) for base in mro_of(cls) if base is not object)


def module_targets(entries: dict[str, Any]) -> Iterator[tuple[str, Any, Target]]:
    """Yield the functions that a module defines itself, not those that it imports, from its namespace."""
    home = entries.get("__name__")
    for name, raw in items_of(entries):
        if type(name) is str and is_callable(raw) and (home_of(raw) == home or is_lent(raw, name, home)):
            yield name, raw, Target(public_name(str(home)), None, name)


def module_classes(entries: dict[str, Any]) -> Iterator[type]:
    """Yield the classes that a module defines, nested ones after those that hold them, from its namespace."""
    home = entries.get("__name__")
    waiting = [raw for raw in list(entries.values()) if is_class(raw) and _is_defined_in(raw, home)]
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
            if is_class(raw) and _is_defined_in(raw, home) and path_of(raw).startswith(path_of(cls) + ".")
        ]


def find_class(entries: dict[str, Any], path: str) -> type | None:
    """Find a class in a module's namespace by its path, without running a module's ``__getattr__``."""
    first, *others = path.split(".")
    found: Any = entries.get(first)
    for segment in others:
        found = namespace_of(found).get(segment) if is_class(found) else None
    return found if is_class(found) else None


def is_home(owner: Any, target: Target) -> bool:
    """Tell whether a target is named after the class, or the module's namespace, that holds it."""
    if type(owner) is dict:
        return target.path is None and target.module == public_name(str(owner.get("__name__")))
    return is_class(owner) and target.path == path_of(owner) and target.module == module_of_class(owner)


def entry_of(owner: Any, name: str) -> Any:
    """Return what a class or a module's namespace holds under a name, None if there is nothing."""
    return (owner if type(owner) is dict else namespace_of(owner)).get(name)


def defining_class(cls: type, name: str) -> type | None:
    """Find the class in the method resolution order whose own namespace holds a name."""
    return next((base for base in mro_of(cls) if name in namespace_of(base)), None)


def is_class(raw: Any) -> bool:
    """Tell whether an object is a class, whatever it says of itself."""
    return is_subtype(type, type(raw))


def is_callable(raw: Any) -> bool:
    """Tell whether an object can be called and is no class."""
    return type(raw) is FunctionType or (not is_class(raw) and _has(type(raw), "__call__"))


def is_method(raw: Any) -> bool:
    """Tell whether an entry of a class may be something like a method."""
    if type(raw) is FunctionType:
        return True
    return not is_class(raw) and (_has(type(raw), "__get__") or _has(type(raw), "__call__"))


def is_bound_by(kind: type) -> bool:
    """Tell whether objects of a type bind to an instance that they are read from, as functions do."""
    return _has(kind, "__get__")


def home_of(raw: Any) -> str | None:
    """Return the module that a callable was defined in, as far as it can be told without running its code."""
    if type(raw) is FunctionType:
        return raw.__module__
    stored = attributes_of(raw)
    if stored is None:
        return None
    named, wrapped = stored.get("__module__"), stored.get("__wrapped__")
    if type(named) is str:
        return named
    return wrapped.__module__ if type(wrapped) is FunctionType else None


def is_lent(function: Any, name: str, home: Any) -> bool:
    """Tell whether a function of one module passes for one of a package above, which exports it lazily.

    Args:
        name: what it is called.
        home: the name of the module whose code it is, if it is.
    """
    if type(function) is not FunctionType or function.__globals__.get("__name__") != home:
        return False
    return _is_above(function.__module__, home) and exports_lazily(function.__module__, name, home)


def _is_defined_in(cls: type, home: Any) -> bool:
    named = module_of(cls)
    if type(named) is not str:
        return False
    if not _is_above(named, home):
        return bool(named == home)
    return exports_lazily(named, path_of(cls).partition(".")[0], home) and _is_code_of(cls, home)


# Where the code of a class lies that passes for one of another module, by its id: once it is woven it does not tell.
_lent: dict[int, tuple[weakref.ref[type], str]] = {}


def _is_code_of(cls: type, home: str) -> bool:
    """Tell whether the code of a class, by any function in its body, is a module's."""
    known = _lent.get(id(cls))
    if known is not None and known[0]() is cls:
        return known[1] == home
    functions = (raw for raw in list(namespace_of(cls).values()) if type(raw) is FunctionType)
    if not any(function.__globals__.get("__name__") == home for function in functions):
        return False
    key = id(cls)
    _lent[key] = (weakref.ref(cls, lambda _: _lent.pop(key, None)), home)
    return True


def _is_above(package: Any, module: Any) -> bool:
    return type(package) is str and type(module) is str and module.startswith(f"{package}.")


def _has(kind: type, name: str) -> bool:
    return any(name in namespace_of(base) for base in mro_of(kind))
