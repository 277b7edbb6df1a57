"""Patterns that nearly select a target, each with what keeps it from doing so."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

import attrs

from tracing_proxies.errors import Place
from tracing_proxies.registry.model import Registry, Rule
from tracing_proxies.registry.pointcut import Pointcut, Target
from tracing_proxies.registry.suggest import nearest

_MOST: Final = 8


@attrs.frozen
class NearMiss:
    """One pattern.

    Args:
        pattern: as it is written.
        place: where it stands.
        reason: why it does not select the target.
        certain: whether it is known that it does not; only an import tells what a class inherits from.
    """

    pattern: str
    place: Place
    reason: str
    certain: bool = True


def find_near_misses(registry: Registry, target: Target) -> tuple[NearMiss, ...]:
    """Find the patterns that nearly select a target: excepted, of a class it may inherit from, or written alike.

    Args:
        target: without its ancestry, if its class has not been imported.
    """
    others = [rule for rule in registry.rules if not rule.selects(target)]
    found = [miss for rule in others for miss in _misses(rule, target)]
    patterns = {pointcut.text: (pointcut, place) for rule in others for pointcut, place in _placed(rule)}
    alike = nearest(str(target), patterns)
    if alike is not None and all(miss.pattern != alike for miss in found):
        found.append(NearMiss(alike, patterns[alike][1], "is written alike"))
    return tuple(islice(found, _MOST))


def _misses(rule: Rule, target: Target) -> Iterator[NearMiss]:
    for pointcut, place in _placed(rule):
        excepted = next((other for other in rule.exceptions if other.matches(target)), None)
        if pointcut.matches(target):
            if excepted is not None:
                yield NearMiss(pointcut.text, place, f"the rule's except: names it, {excepted.text}")
        elif _may_inherit(pointcut, target):
            base = f"{pointcut.module}:{pointcut.cls}"
            yield NearMiss(pointcut.text, place, f"holds for subclasses of {base}; --import tells them", False)
        elif "*" in pointcut.text and pointcut.matches(_unhidden(target)):
            yield NearMiss(pointcut.text, place, "a * matches no name that begins with an underscore; write it out")


def _placed(rule: Rule) -> Iterator[tuple[Pointcut, Place]]:
    return zip(rule.match, rule.places, strict=True)


def _may_inherit(pointcut: Pointcut, target: Target) -> bool:
    """Tell whether a pattern would select a target if its class, of which only the name is known, were a subclass."""
    if not pointcut.subclasses or pointcut.cls is None or target.path is None or target.ancestry:
        return False
    if pointcut.name is None:
        return not target.name.startswith("_")
    of_any_class = attrs.evolve(pointcut, module=target.module, cls=target.path)
    return of_any_class.matches(target)


def _unhidden(target: Target) -> Target:
    def bare(path: str) -> str:
        return ".".join(segment.lstrip("_") or segment for segment in path.split("."))

    path = bare(target.path) if target.path is not None else None
    return Target(bare(target.module), path, target.name.strip("_") or target.name)
