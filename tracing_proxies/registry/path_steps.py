"""The steps of a capture path as closures: where it starts, and how it goes from value to value."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from itertools import islice
from operator import attrgetter
from typing import Any, Final

import attrs

from tracing_proxies.compiled import hot
from tracing_proxies.registry.fields import MISSING, read_field
from tracing_proxies.registry.path_values import MOST_ITEMS, index, items

Evaluate = Callable[[Any], Any]

ROOTS: Final = ("args", "self", "result", "error", "env")
TRACE_ROOTS: Final = ("duration", "metadata", "name", "level", "error", "tags", "session", "user", "env")
"""What a condition on a whole trace reads, when its first span has ended."""


@attrs.frozen(eq=False, repr=False)
class Field:
    """Reads a key or a field; `forced` (written ``name!``) lets a property run."""

    name: str
    forced: bool = False


@attrs.frozen(eq=False, repr=False)
class Index:
    """Reads the item at a position."""

    position: int


@attrs.frozen(eq=False, repr=False)
class Star:
    """Goes on with every item."""


Step = Field | Index | Star


def read_root(root: str, steps: Sequence[Step]) -> tuple[Evaluate, Sequence[Step]]:
    """Compile the start of a path.

    Returns:
        The closure that reads the start, and the steps that it has not used up.
    """
    first = steps[0] if steps else None
    if root == "args" and isinstance(first, Field):
        name = first.name
        if hot is not None:
            return hot.Reading(root, (name,)), steps[1:]
        return (lambda scope: scope.args.get(name, MISSING)), steps[1:]
    if root == "args" and isinstance(first, Index | Star):
        return (lambda scope: scope.positional), steps
    if root == "env":
        assert isinstance(first, Field), "the parser lets only env.NAME pass"
        variable = first.name
        return (lambda scope: os.environ.get(variable, MISSING)), steps[1:]
    if hot is not None:
        return hot.Reading(root, ()), steps
    if root == "error":
        return (lambda scope: MISSING if scope.error is None else scope.error), steps
    return attrgetter(root), steps


def walk(start: Evaluate, steps: Sequence[Step]) -> Evaluate:
    """Compile the way from a start through its steps; after a ``[*]`` the outcome is a list of what was there."""
    if not steps:
        return start
    if any(isinstance(step, Star) for step in steps):
        return _walk_many(start, tuple(steps))
    if all(isinstance(step, Field) and not step.forced for step in steps):
        # The usual path: names only. One loop without a call a step but read_field's own.
        names = tuple(step.name for step in steps if isinstance(step, Field))
        if hot is not None:
            root, above = (start.root, start.names) if type(start) is hot.Reading else (start, ())  # type: ignore[attr-defined]
            return hot.Reading(root, above + names)  # type: ignore[no-any-return]

        def read_names(scope: Any) -> Any:
            value = start(scope)
            for name in names:
                if value is MISSING:
                    return MISSING
                value = value.get(name, MISSING) if type(value) is dict else read_field(value, name)
            return value

        return read_names
    single = tuple(steps)

    def read_steps(scope: Any) -> Any:
        value = start(scope)
        for step in single:
            if value is MISSING:
                return MISSING
            value = _take(step, value)
        return value

    return read_steps


def _walk_many(start: Evaluate, steps: tuple[Step, ...]) -> Evaluate:
    def read_all(scope: Any) -> Any:
        values = [start(scope)]
        opened_any = False
        for step in steps:
            if isinstance(step, Star):
                opened = [inside for inside in map(items, values) if inside is not None]
                if not opened and not opened_any:
                    return MISSING
                opened_any = True
                values = list(islice((item for inside in opened for item in inside), MOST_ITEMS))
            else:
                values = [v for v in (_take(step, value) for value in values) if v is not MISSING]
        return values

    return read_all


def _take(step: Step, value: Any) -> Any:
    if isinstance(step, Field):
        return read_field(value, step.name, call_properties=step.forced)
    return index(value, step.position) if isinstance(step, Index) else MISSING
