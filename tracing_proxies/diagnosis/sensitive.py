"""Warns of what is recorded under a name that sounds personal or secret, where nothing in `masking:` names it."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterable, Iterator
from typing import Any, Final

from tracing_proxies.errors import Place, Problem
from tracing_proxies.masking.policy import MaskingRules
from tracing_proxies.masking.sensitive import is_sensitive
from tracing_proxies.registry.fields import model_fields
from tracing_proxies.registry.masking import join
from tracing_proxies.registry.model import Registry, Settings
from tracing_proxies.registry.pointcut import Target
from tracing_proxies.registry.policy import resolve_policy
from tracing_proxies.registry.renaming import recorded_paths

CODE: Final = "TP219"
_DEEPEST: Final = 3


def sensitive_paths(registry: Registry) -> Iterator[Problem]:
    """Yield a warning for each path of a rule or role that records such a field."""
    rules = [rule for rule in registry.rules if rule.preset is None]
    groups: list[Settings] = [rule.settings for rule in rules]
    groups += {id(rule.bundle): rule.bundle for rule in rules if rule.bundle is not None}.values()
    for settings in groups:
        judge = _judge(registry, settings)
        places = {id(path): place for path, place in settings.reads}
        for path, key in recorded_paths(settings):
            place = places.get(id(path))
            found = [names[-1] for names in path.reads if len(names) > 1 and is_sensitive(names[-1])]
            if place is not None and found and not judge.is_ruled(key or "") and not judge.is_allowed(found[0]):
                yield Problem(CODE, f"warning: {path.text[:60]!r} records {found[0]!r}, {_WHY}", place)


def sensitive_parameters(registry: Registry, placed: Iterable[tuple[Target, Any]]) -> Iterator[Problem]:
    """Yield a warning for each parameter, or field of a parameter's model, that is captured under such a name.

    Args:
        placed: what is woven: each target with its function.
    """
    told: set[tuple[Place, str]] = set()
    for target, function in placed:
        policy = resolve_policy(registry, target)
        if policy is None or policy.rule.preset is not None or not policy.capture_input or policy.input is not None:
            continue
        rules = MaskingRules.compile(registry.masking, join([registry.masking.here, policy.masking]))
        judge = _Judge(rules)
        for name in _names_of(function):
            *_, last = name.split(".")
            if is_sensitive(last) and not judge.is_ruled(last) and not judge.is_allowed(last):
                place = policy.rule.place
                if (place, last) not in told:
                    told.add((place, last))
                    yield Problem(CODE, f"warning: {target} records {name!r}, {_WHY}", place)


_WHY: Final = "which sounds personal or secret, and nothing in 'masking' names it: hide, disguise or allow it"


class _Judge:
    """Tells what masking says of a name.

    Args:
        rules: those that hold for the spans in question.
    """

    def __init__(self, rules: MaskingRules) -> None:
        self._rules = rules

    def is_ruled(self, name: str) -> bool:
        """Tell whether a value under this name is hidden or disguised whatever it is."""
        rules = self._rules
        if rules.shows and not all(shown.holds(name, f".{name}") for shown in rules.shows):
            return True
        return bool(name) and bool(rules.strategy(name, f".{name}"))

    def is_allowed(self, name: str) -> bool:
        """Tell whether somebody has said that it may be seen."""
        return bool(self._rules.allow) and self._rules.allow.holds(name, f".{name}")


def _judge(registry: Registry, settings: Settings) -> _Judge:
    return _Judge(MaskingRules.compile(registry.masking, join([registry.masking.here, settings.masking])))


def _names_of(function: Any) -> Iterator[str]:
    """Yield the parameters of a function, and below each the fields of the model that it is annotated with."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return
    try:
        hints = typing.get_type_hints(function)
    except Exception:  # annotations are the application's: names that are not there, code that raises
        hints = {}
    for name in parameters:
        yield name
        yield from _fields_of(hints.get(name), name, 0)


def _fields_of(kind: Any, path: str, depth: int) -> Iterator[str]:
    if depth >= _DEEPEST:
        return
    for inner in typing.get_args(kind):
        yield from _fields_of(inner, path, depth + 1)
    fields = model_fields(kind) if isinstance(kind, type) else None
    hints = getattr(kind, "__annotations__", {}) if fields else {}
    for name in fields or ():
        yield f"{path}.{name}"
        yield from _fields_of(hints.get(name), f"{path}.{name}", depth + 1)
