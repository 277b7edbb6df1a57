"""Exceptions of rules that except nothing, with the nearest name that is there."""

from __future__ import annotations

from tracing_proxies.errors import Problem
from tracing_proxies.registry.model import Registry
from tracing_proxies.registry.suggest import nearest
from tracing_proxies.weaving.unmatched import CODE, Loaded, targets_in


def find_needless(registry: Registry, loaded: Loaded) -> list[Problem]:
    """Report each literal ``except:`` of the user's rules that names nothing in its module, if that is loaded.

    A glob may stand there for what is yet to come; a full name that is wrong lets through what it was to keep out.

    Args:
        loaded: what is loaded, by `loaded_namespaces`.
    """
    problems: list[Problem] = []
    for rule in registry.rules:
        for pointcut, place in zip(rule.exceptions, rule.exception_places, strict=True):
            if rule.preset is not None or not pointcut.literal or pointcut.module not in loaded:
                continue
            targets = list(targets_in(loaded[pointcut.module]))
            if not any(pointcut.matches(target) for target in targets):
                message = f"no match for {pointcut.text!r}, so it excepts nothing."
                problems.append(Problem(CODE, message, place, nearest(pointcut.text, map(str, targets))))
    return problems
