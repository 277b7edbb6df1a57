"""A registry's patterns by the modules that they name: a thousand modules are not held against a thousand patterns."""

from __future__ import annotations

from collections.abc import Iterable

from tracing_proxies.registry.model import Registry
from tracing_proxies.registry.pointcut import Pointcut
from tracing_proxies.weaving.modules import MAIN, main_name

_Placed = tuple[int, Pointcut]
"""A pattern with its position among all."""


class Patterns:
    """Finds the patterns of a registry's rules, in their order.

    Args:
        registry: None for one without rules.
    """

    def __init__(self, registry: Registry | None = None) -> None:
        self._exact: dict[str, list[_Placed]] = {}
        self._literal: dict[str, list[_Placed]] = {}
        self._globs: list[_Placed] = []
        found = (pointcut for rule in (registry.rules if registry is not None else ()) for pointcut in rule.match)
        for placed in enumerate(found):
            pointcut = placed[1]
            if not pointcut.is_exact_module:
                self._globs.append(placed)
                continue
            self._exact.setdefault(pointcut.module, []).append(placed)
            if pointcut.literal:
                self._literal.setdefault(pointcut.module, []).append(placed)
        self._names = list({pointcut.module: pointcut for _, pointcut in self._globs}.values())

    @property
    def name_main(self) -> bool:
        """Whether one names the main module as it is called while it runs."""
        return any(name in self._exact for name in MAIN)

    def want(self, name: str) -> bool:
        """Tell whether any may select something that a module, or a package above it, offers."""
        if name in self._exact or any(glob.names_module(name) for glob in self._names):
            return True
        return any(package in self._literal for package in _above(name))  # a name that it exports lazily

    def naming(self, module: str) -> list[Pointcut]:
        """List those that name a module.

        Args:
            module: the name that rules know it by.
        """
        found = [placed for placed in self._globs if placed[1].names_module(module)]
        for name in {module, *(MAIN if module == main_name() else ())}:
            found += self._exact.get(name, ())
        return _in_order(found)

    def above(self, module: str) -> list[Pointcut]:
        """List the literal ones that name a package above a module."""
        return _in_order(placed for package in _above(module) for placed in self._literal.get(package, ()))


def _above(module: str) -> Iterable[str]:
    package = module.rpartition(".")[0]
    while package:
        yield package
        package = package.rpartition(".")[0]


def _in_order(found: Iterable[_Placed]) -> list[Pointcut]:
    return [pointcut for _, pointcut in sorted(found, key=lambda placed: placed[0])]
