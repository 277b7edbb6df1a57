"""What joins paths to conditions, as closures: `and`, `or`, `not`, comparisons with constants, and filters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tracing_proxies.compiled import hot
from tracing_proxies.registry.fields import MISSING
from tracing_proxies.registry.path_steps import Evaluate
from tracing_proxies.registry.path_values import EXACT, contains, equal, truth


def any_of(parts: tuple[Evaluate, ...]) -> Evaluate:
    """Compile `or`: the first value that is true, else the last one."""
    if hot is not None:
        return hot.Judgement("any", parts)  # type: ignore[no-any-return]

    def value(scope: Any) -> Any:
        found: Any = MISSING
        for part in parts:
            found = part(scope)
            if truth(found):
                break
        return found

    return value


def all_of(parts: tuple[Evaluate, ...]) -> Evaluate:
    """Compile `and`: the first value that is not true, else the last one."""
    if hot is not None:
        return hot.Judgement("all", parts)  # type: ignore[no-any-return]

    def value(scope: Any) -> Any:
        found: Any = MISSING
        for part in parts:
            found = part(scope)
            if not truth(found):
                break
        return found

    return value


def first_of(parts: tuple[Evaluate, ...]) -> Evaluate:
    """Compile ``first(…)``: the first value that is there and not null."""
    if hot is not None:
        return hot.Judgement("first", parts)  # type: ignore[no-any-return]

    def first(scope: Any) -> Any:
        for part in parts:
            value = part(scope)
            if value is not MISSING and value is not None:
                return value
        return MISSING

    return first


def negated(part: Evaluate, odd: bool) -> Evaluate:
    """Compile `not`.

    Args:
        odd: whether it stands there an odd number of times.
    """
    if hot is not None:
        return hot.Judgement("not", (part,), wanted=not odd)  # type: ignore[no-any-return]
    return lambda scope: truth(part(scope)) is not odd


def equals(part: Evaluate, fixed: Any) -> Evaluate:
    """Compile ``==`` with a constant scalar."""
    if hot is not None:
        return hot.Judgement("equals", (part,), fixed)  # type: ignore[no-any-return]

    def equal_to(scope: Any) -> bool:
        found = part(scope)
        if found is MISSING:
            return False
        return bool(found == fixed) if id(type(found)) in EXACT else equal(found, fixed) is True

    return equal_to


def is_among(part: Evaluate, fixed: list[Any], wanted: bool) -> Evaluate:
    """Compile ``in``, or ``not in``, a list of constant scalars."""
    if hot is not None:
        return hot.Judgement("among", (part,), fixed, wanted=wanted)  # type: ignore[no-any-return]

    def among(scope: Any) -> bool:
        found = part(scope)
        if found is MISSING:
            return False
        return ((found in fixed) if id(type(found)) in EXACT else contains(fixed, found)) is wanted

    return among


def piped(part: Evaluate, name: str, apply: Callable[..., Any], *argument: Any) -> Evaluate:
    """Compile a filter.

    Args:
        name: the filter's own.
        apply: takes the value and the argument, if there is one.
    """
    if hot is not None:
        kind = name if name in ("startswith", "endswith") else "piped"
        return hot.Judgement(kind, (part,), *argument, apply=apply)  # type: ignore[no-any-return]
    return lambda scope: MISSING if (value := part(scope)) is MISSING else apply(value, *argument)


if hot is not None:
    hot.bind_logic({"truth": truth, "equal": equal, "contains": contains})
