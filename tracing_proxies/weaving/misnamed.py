"""Paths that read a parameter which nothing has that their rule traces."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tracing_proxies.errors import Problem
from tracing_proxies.registry.model import Placed, Registry, Rule
from tracing_proxies.registry.pointcut import Pointcut
from tracing_proxies.registry.suggest import nearest
from tracing_proxies.weaving.points import Points
from tracing_proxies.weaving.unmatched import Loaded, TargetIndex, selects

CODE = "TP214"
Signature = tuple[str, frozenset[str] | None]
"""A target's name, and the names of its parameters; None where any name may be one."""


def find_misnamed(registry: Registry, points: Points, loaded: Loaded, *, pending: bool = False) -> list[Problem]:
    """Report each ``args.<name>`` of the user's rules and roles that would be absent from every call.

    A rule for many targets may name what some of them lack; it is a mistake if all of them do. At run time a rule is
    judged once nothing can be added to what it traces: a subclass, or a module that is not loaded yet.

    Args:
        points: what is woven.
        loaded: what is loaded, by `loaded_namespaces`.
        pending: whether to judge the other rules as well, by what is woven now.
    """
    users: dict[int, list[Rule]] = {}
    for rule in registry.rules:
        if rule.preset is None and rule.bundle is not None and _reads_parameters(rule.bundle.reads):
            users.setdefault(id(rule.bundle), []).append(rule)
    groups = [
        (rule.settings.reads, [rule], "this rule traces")
        for rule in registry.rules
        if rule.preset is None and _reads_parameters(rule.settings.reads)
    ]
    groups += [(rules[0].bundle.reads, rules, "has this role") for rules in users.values() if rules[0].bundle]
    if not groups:
        return []
    woven = _Woven(points)
    problems: list[Problem] = []
    for reads, rules, what in groups:
        if pending or all(_is_settled(rule, loaded) for rule in rules):
            problems += _judge(reads, [woven.signature(at) for at in sorted(woven.selected(rules))], what)
    return problems


def parameter_names(function: Any, *, bound: bool) -> frozenset[str] | None:
    """Name what ``args.<name>`` can read of a callable's calls; None where any name may be there, or none can be told.

    Args:
        bound: whether the first parameter is the instance or class.
    """
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
        return None
    if bound and parameters and parameters[0].kind is not inspect.Parameter.VAR_POSITIONAL:
        del parameters[0]
    return frozenset(parameter.name for parameter in parameters)


def _judge(reads: Iterable[Placed], signatures: Sequence[Signature], what: str) -> Iterator[Problem]:
    if not signatures or any(names is None for _, names in signatures):
        return
    known = frozenset(name for _, names in signatures for name in names or ())
    target, names = signatures[0]
    for path, place in reads:
        for name in sorted(path.names - known):
            shown = f"parameters {', '.join(sorted(names))}" if names else "no parameters"
            message = f"nothing that {what} has a parameter {name!r}: {target} has {shown}"
            yield Problem(CODE, message, place, nearest(name, sorted(known)))


class _Woven:
    """What is woven, with the signatures."""

    def __init__(self, points: Points) -> None:
        self._placed = list(points.placed())
        self._index = TargetIndex([target for target, _ in self._placed])

    def signature(self, at: int) -> Signature:
        """Return the name and the parameters of a target by its number."""
        target, point = self._placed[at]
        return str(target), parameter_names(point.function, bound=point.bound)

    def selected(self, rules: Sequence[Rule]) -> set[int]:
        """Return the numbers of the targets that any of some rules selects."""
        found: set[int] = set()
        for rule in rules:
            for pointcut in rule.match:
                possible = self._index.possible(pointcut)
                found |= {at for at in possible if at not in found and self._selects(pointcut, rule, at)}
        return found

    def _selects(self, pointcut: Pointcut, rule: Rule, at: int) -> bool:
        target, _ = self._placed[at]
        return selects(pointcut, target) and not any(exception.matches(target) for exception in rule.exceptions)


def _is_settled(rule: Rule, loaded: Iterable[str]) -> bool:
    return all(p.is_exact_module and not p.subclasses and p.module in loaded for p in rule.match)


def _reads_parameters(reads: Iterable[Placed]) -> bool:
    return any(path.names for path, _ in reads)
