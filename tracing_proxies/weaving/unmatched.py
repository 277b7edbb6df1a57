"""Pointcuts that select nothing, with the nearest name that is there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from tracing_proxies.errors import Place, Problem
from tracing_proxies.registry.model import Registry
from tracing_proxies.registry.pointcut import Pointcut, Target
from tracing_proxies.registry.suggest import nearest
from tracing_proxies.weaving import candidates
from tracing_proxies.weaving.main_module import bodies_of_main
from tracing_proxies.weaving.modules import MAIN, entries_of, is_initializing, loaded_modules, main_name

CODE = "TP203"
Loaded = Mapping[str, dict[str, Any]]
_NONE: Final[Mapping[Target, str]] = MappingProxyType({})


def find_unmatched(
    registry: Registry,
    targets: Sequence[Target],
    loaded: Loaded,
    refused: Mapping[Target, str] = _NONE,
    *,
    pending: bool = False,
) -> list[Problem]:
    """Report the pointcuts of the user's rules that select none of the woven targets.

    Args:
        targets: what is woven.
        loaded: what is loaded, by `loaded_namespaces`.
        refused: what cannot be, with the reason.
        pending: whether to report those as well whose module is not loaded.
    """
    problems = []
    for pointcut, place, modules in _select_nothing(registry, targets, loaded, pending):
        reason = next((why for target, why in refused.items() if selects(pointcut, target)), None)
        if reason is not None:
            problems.append(Problem(CODE, f"{pointcut.text!r} cannot be traced: {reason}.", place))
            continue
        known = [str(target) for module in modules[:50] for target in targets_in(module)]
        suggestion = nearest(pointcut.text, known)
        message = f"no match for {pointcut.text!r}."
        if not modules:
            message = f"no match for {pointcut.text!r}: module {pointcut.module!r} is not loaded."
        problems.append(Problem(CODE, message, place, suggestion))
    return problems


def count_unmatched(registry: Registry, targets: Sequence[Target], loaded: Loaded) -> int:
    """Return how many `find_unmatched` would report, without looking for what is near to each."""
    return sum(1 for _ in _select_nothing(registry, targets, loaded, pending=False))


def _select_nothing(
    registry: Registry, targets: Sequence[Target], loaded: Loaded, pending: bool
) -> Iterator[tuple[Pointcut, Place, list[dict[str, Any]]]]:
    index = TargetIndex(targets)
    for rule in registry.rules:
        if rule.preset is not None:
            continue
        for pointcut, place in zip(rule.match, rule.places, strict=True):
            if any(selects(pointcut, targets[at]) for at in index.possible(pointcut)):
                continue
            if pending and pointcut.module in MAIN:
                continue  # the main module is the command's own here, not the application's
            modules = _modules_of(pointcut, loaded)
            if modules or pending:
                yield pointcut, place, modules


def find_pending(registry: Registry, targets: Iterable[Target], loaded: Loaded) -> dict[int, list[str]]:
    """List the pointcuts that wait for a module which is not loaded yet, by the index of their rule.

    Args:
        targets: what is woven; the main module's is, while its body still runs.
        loaded: what is loaded, by `loaded_namespaces`.
    """
    woven = list(targets)
    found: dict[int, list[str]] = {}
    for rule in registry.rules:
        waiting = [
            pointcut.text
            for pointcut in rule.match
            if not _modules_of(pointcut, loaded) and not any(selects(pointcut, target) for target in woven)
        ]
        if waiting:
            found[rule.index] = waiting
    return found


def _modules_of(pointcut: Pointcut, loaded: Loaded) -> list[dict[str, Any]]:
    if pointcut.is_exact_module:
        return [loaded[pointcut.module]] if pointcut.module in loaded else []
    return [entries for name, entries in loaded.items() if pointcut.names_module(name)]


def loaded_namespaces() -> dict[str, dict[str, Any]]:
    """List the namespaces of modules whose bodies have ended: what others will define nobody knows."""
    found = {}
    for name, module in loaded_modules():
        if name in MAIN:
            if not bodies_of_main():
                found[name] = found[main_name()] = entries_of(module)
        else:
            entries = entries_of(module)
            if not is_initializing(entries.get("__spec__")):
                found[name] = entries
    return found


class TargetIndex:
    """What is woven, by where it may be found: a thousand patterns must not look at a thousand targets each."""

    def __init__(self, targets: Sequence[Target]) -> None:
        self._targets = targets
        # Not `cached_property`: before Python 3.12 it holds a lock, which a forked child finds taken for ever.
        self._by_module: dict[str, list[int]] | None = None
        self._by_name: dict[tuple[str, str | None, str], list[int]] | None = None

    def possible(self, pointcut: Pointcut) -> Sequence[int]:
        """Return the positions of the targets that a pattern may select."""
        if pointcut.subclasses or not pointcut.is_exact_module or pointcut.module in MAIN:
            return range(len(self._targets))
        if pointcut.literal:
            if self._by_name is None:
                self._by_name = self._sort_by_name()
            return self._by_name.get((pointcut.module, pointcut.cls, str(pointcut.name)), ())
        if self._by_module is None:
            self._by_module = self._sort_by_module()
        return self._by_module.get(pointcut.module, ())

    def _sort_by_module(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for at, target in enumerate(self._targets):
            found.setdefault(target.module, []).append(at)
        return found

    def _sort_by_name(self) -> dict[tuple[str, str | None, str], list[int]]:
        found: dict[tuple[str, str | None, str], list[int]] = {}
        for at, target in enumerate(self._targets):
            owners = {(target.module, target.path), *((ancestor.module, ancestor.path) for ancestor in target.ancestry)}
            for module, path in owners:
                found.setdefault((module, path, target.name), []).append(at)
        return found


def selects(pointcut: Pointcut, target: Target) -> bool:
    """Tell whether a pattern selects a woven target, under any of the names that it may be called by."""
    if pointcut.matches(target):
        return True
    if pointcut.module in MAIN and pointcut.matches(candidates.as_main(target)):
        return True
    # An inherited method is woven at the class that defines it, under the name of either.
    return (
        pointcut.literal
        and pointcut.name == target.name
        and any(pointcut.matches(Target(ancestor.module, ancestor.path, target.name)) for ancestor in target.ancestry)
    )


def targets_in(entries: dict[str, Any]) -> Iterator[Target]:
    """Yield what a module defines and could be traced."""
    for _, _, target in candidates.module_targets(entries):
        yield target
    for cls in candidates.module_classes(entries):
        for _, _, target in candidates.class_targets(cls):
            yield target
