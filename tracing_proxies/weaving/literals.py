"""Resolves names that a pointcut writes out to where they are defined: imported, inherited, or exported lazily."""

from __future__ import annotations

from typing import Any

from tracing_proxies.registry.fields import namespace_of
from tracing_proxies.registry.pointcut import Pointcut, Target
from tracing_proxies.weaving import candidates
from tracing_proxies.weaving.ledger import ABSENT
from tracing_proxies.weaving.modules import exports_lazily

Found = tuple[type | dict[str, Any], str, Any, Target]
"""The class or namespace that holds an entry, its name there, the entry, and the target that it is."""


def resolve(entries: dict[str, Any], module: str, pointcut: Pointcut) -> Found | None:
    """Find a name that a module imports, or that one of its classes inherits, where it is defined.

    Args:
        entries: the module's namespace.
        module: the name that rules know it by.
        pointcut: a literal one that names the module.

    Returns:
        None if the module defines it itself, or has none of it.
    """
    name = str(pointcut.name)
    if pointcut.cls is None:
        raw = entries.get(name, ABSENT)
        if raw is ABSENT or candidates.home_of(raw) == entries.get("__name__"):
            return None
        return entries, name, raw, Target(module, None, name)
    cls = candidates.find_class(entries, pointcut.cls)
    owner = candidates.defining_class(cls, name) if cls is not None else None
    if cls is None or owner is None or owner is object:
        return None
    if owner is cls and candidates.module_of_class(cls) == module:
        return None
    target = Target(module, pointcut.cls, name, candidates.ancestry_of(cls))
    return owner, name, namespace_of(owner)[name], target


def resolve_exported(entries: dict[str, Any], module: str, pointcut: Pointcut) -> Found | None:
    """Find a name that a package exports lazily (PEP 562) in a module below it that defines it."""
    name, home = str(pointcut.name), entries.get("__name__")
    if not exports_lazily(pointcut.module, (pointcut.cls or name).partition(".")[0], str(home)):
        return None
    if pointcut.cls is None:
        raw = entries.get(name, ABSENT)
        if raw is ABSENT or (candidates.home_of(raw) != home and not candidates.is_lent(raw, name, home)):
            return None
        return entries, name, raw, Target(pointcut.module, None, name)
    cls = candidates.find_class(entries, pointcut.cls)
    if cls is None or candidates.module_of_class(cls) not in (module, pointcut.module) or name not in namespace_of(cls):
        return None
    return cls, name, namespace_of(cls)[name], Target(pointcut.module, pointcut.cls, name, candidates.ancestry_of(cls))
