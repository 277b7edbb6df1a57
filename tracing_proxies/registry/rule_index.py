"""Rules by the modules and names that they can select: a thousand targets are not held against a thousand rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

import attrs

from tracing_proxies.registry.pointcut import Pointcut, Target

if TYPE_CHECKING:
    from tracing_proxies.registry.model import Rule

_ANY: Final = ""
_MOST_MODULES: Final = 16_384
_Placed: TypeAlias = tuple[int, Pointcut]
"""A pointcut with the position of its rule."""


@attrs.frozen(eq=False, repr=False)
class Possible:
    """A rule that may select a target, with those of its pointcuts that may match it."""

    rule: Rule
    match: Sequence[Pointcut]
    exceptions: Sequence[Pointcut]

    def selects(self, target: Target) -> bool:
        """Tell what ``Rule.selects`` does."""
        return any(p.matches(target) for p in self.match) and not any(p.matches(target) for p in self.exceptions)


class RuleIndex:
    """Finds the rules that may select a target.

    Args:
        rules: in their order; a later one wins.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._anywhere: list[int] = []
        # By module, and there by name; under `_ANY` those that may select any name.
        self._exact: dict[str, dict[str, list[_Placed]]] = {}
        # By their positions, the last one first.
        self._of_module: dict[str, dict[int, Possible]] = {}
        for at, rule in enumerate(rules):
            if all(pointcut.is_exact_module and not pointcut.subclasses for pointcut in rule.match):
                for pointcut in rule.match:
                    name = _ANY if "*" in str(pointcut.name) else str(pointcut.name)
                    self._exact.setdefault(pointcut.module, {}).setdefault(name, []).append((at, pointcut))
            else:
                self._anywhere.append(at)

    def possible(self, target: Target) -> Iterable[Possible]:
        """List the rules that may select a target, the last one first."""
        known = self._of_module.get(target.module)
        if known is None:
            known = self._look_up(target.module)
        by_name = self._exact.get(target.module)
        named = None if by_name is None else by_name.get(target.name)
        return known.values() if named is None else self._with(named, known).values()

    def _look_up(self, module: str) -> dict[int, Possible]:
        """Find once what is the same for all targets of a module."""
        found = {}
        for at in self._anywhere:
            rule = self._rules[at]
            match = _naming(module, rule.match)
            if match:
                found[at] = Possible(rule, match, _naming(module, rule.exceptions))
        known = self._with(self._exact.get(module, {}).get(_ANY, ()), found)
        if len(self._of_module) >= _MOST_MODULES:
            self._of_module.clear()
        self._of_module[module] = known
        return known

    def _with(self, placed: Iterable[_Placed], known: dict[int, Possible]) -> dict[int, Possible]:
        found = dict(known)
        for at, pointcut in placed:
            before, rule = found.get(at), self._rules[at]
            match = [pointcut] if before is None else [*before.match, pointcut]
            found[at] = Possible(rule, match, rule.exceptions if before is None else before.exceptions)
        return {at: found[at] for at in sorted(found, reverse=True)}


def _naming(module: str, pointcuts: Sequence[Pointcut]) -> list[Pointcut]:
    return [pointcut for pointcut in pointcuts if pointcut.module_may_match(module)]
