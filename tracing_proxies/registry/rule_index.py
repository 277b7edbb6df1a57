"""Rules by the modules and names that they can select: a thousand targets are not held against a thousand rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from tracing_proxies.registry.pointcut import Target

if TYPE_CHECKING:
    from tracing_proxies.registry.model import Rule

_ANY: Final = ""
_MOST_MODULES: Final = 16_384


class RuleIndex:
    """Finds the rules that may select a target.

    Args:
        rules: in their order; a later one wins.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._anywhere: list[int] = []
        # By module, and there by name; under `_ANY` those that may select any name.
        self._exact: dict[str, dict[str, list[int]]] = {}
        self._of_module: dict[str, tuple[list[int], list[Rule]]] = {}
        for at, rule in enumerate(rules):
            if all(pointcut.is_exact_module and not pointcut.subclasses for pointcut in rule.match):
                for module, name in {(p.module, _ANY if "*" in str(p.name) else str(p.name)) for p in rule.match}:
                    self._exact.setdefault(module, {}).setdefault(name, []).append(at)
            else:
                self._anywhere.append(at)

    def possible(self, target: Target) -> Sequence[Rule]:
        """List the rules that may select a target, the last one first."""
        known = self._of_module.get(target.module)
        if known is None:
            known = self._look_up(target.module)
        by_name = self._exact.get(target.module)
        named = None if by_name is None else by_name.get(target.name)
        return known[1] if named is None else self._last_first({*known[0], *named})

    def _look_up(self, module: str) -> tuple[list[int], list[Rule]]:
        rules, by_name = self._rules, self._exact.get(module, {})
        found = [at for at in self._anywhere if any(p.module_may_match(module) for p in rules[at].match)]
        found += by_name.get(_ANY, ())
        if len(self._of_module) >= _MOST_MODULES:
            self._of_module.clear()
        known = self._of_module[module] = found, self._last_first(found)
        return known

    def _last_first(self, found: Iterable[int]) -> list[Rule]:
        return [self._rules[at] for at in sorted(found, reverse=True)]
