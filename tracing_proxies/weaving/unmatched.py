"""Pointcuts that select nothing, with the nearest name that is there."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from types import ModuleType

from tracing_proxies.errors import Problem
from tracing_proxies.registry.model import Registry
from tracing_proxies.registry.pointcut import Pointcut, Target
from tracing_proxies.registry.suggest import nearest
from tracing_proxies.weaving import candidates

CODE = "TP203"


def find_unmatched(registry: Registry, targets: Sequence[Target], *, pending: bool = False) -> list[Problem]:
    """Report the pointcuts of the user's rules that select none of the woven targets.

    Args:
        targets: what is woven.
        pending: whether to report those as well whose module is not loaded.
    """
    problems = []
    for rule in registry.rules:
        if rule.preset is not None:
            continue
        for pointcut, place in zip(rule.match, rule.places, strict=True):
            modules = [module for module in _loaded() if pointcut.names_module(module.__name__)]
            if (not modules and not pending) or any(_selects(pointcut, target) for target in targets):
                continue
            known = [text for module in modules[:50] for text in _names(module)]
            suggestion = nearest(pointcut.text, known)
            message = f"no match for {pointcut.text!r}."
            if not modules:
                message = f"no match for {pointcut.text!r}: module {pointcut.module!r} is not loaded."
            problems.append(Problem(CODE, message, place, suggestion))
    return problems


def _loaded() -> list[ModuleType]:
    return [module for module in list(sys.modules.values()) if type(module) is ModuleType]


def _selects(pointcut: Pointcut, target: Target) -> bool:
    if pointcut.matches(target):
        return True
    # An inherited method is woven at the class that defines it, under the name of either.
    return (
        pointcut.literal
        and pointcut.name == target.name
        and any(pointcut.matches(Target(ancestor.module, ancestor.path, target.name)) for ancestor in target.ancestry)
    )


def _names(module: ModuleType) -> Iterator[str]:
    for _, _, target in candidates.module_targets(module):
        yield str(target)
    for cls in candidates.module_classes(module):
        for _, _, target in candidates.class_targets(cls):
            yield str(target)
