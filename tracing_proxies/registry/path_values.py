"""What expressions may do with values: compare, test and iterate builtin data, and never run foreign code."""

from __future__ import annotations

import enum
import operator
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from itertools import islice
from typing import Any, Final

from tracing_proxies.registry.fields import MISSING, is_subtype, read_field

MOST_ITEMS: Final = 1_000
DEEPEST: Final = 32

EXACT: Final = frozenset(map(id, (str, int, float, bool, type(None), bytes, Decimal)))
"""The scalars that compare and hash without foreign code; no subclass of them does for sure.

By id, since hashing a class may run its metaclass's code.
"""
_ORDERED: Final = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_LENGTHS: Final[dict[type, Callable[[Any], int]]] = {
    str: str.__len__,
    bytes: bytes.__len__,
    bytearray: bytearray.__len__,
    list: list.__len__,
    tuple: tuple.__len__,
    dict: dict.__len__,
    set: set.__len__,
    frozenset: frozenset.__len__,
}


_LENGTHS_OF_EXACT: Final = {id(kind): measure for kind, measure in _LENGTHS.items()}


def is_a(value: Any, kind: type) -> bool:
    """Tell whether a value is an instance of a builtin class, without asking its `__class__` or metaclass."""
    return is_subtype(kind, type(value))


def plain(value: Any) -> Any:
    """Return a scalar as its exact builtin type, an enum member as its value, anything else as MISSING."""
    kind = type(value)
    if id(kind) in EXACT:
        return value
    if value is MISSING or kind is dict or kind is list:
        return MISSING
    if is_a(value, enum.Enum):
        inner = read_field(value, "value")
        return inner if id(type(inner)) in EXACT else MISSING
    if is_a(value, str):
        return str.__str__(value)
    if is_a(value, int):
        return int.__int__(value)
    if is_a(value, float):
        return float.__float__(value)
    return MISSING


def items(value: Any) -> Iterator[Any] | None:
    """Iterate at most 1,000 items of a list, tuple or set, or the values of a dict; None for anything else."""
    whole = _iterate(value)
    return None if whole is None else islice(whole, MOST_ITEMS)


def _iterate(value: Any) -> Iterable[Any] | None:
    for kind in (list, tuple, set, frozenset):
        if is_a(value, kind):
            found: Iterable[Any] = kind.__iter__(value)
            return found
    return dict.values(value) if is_a(value, dict) else None


def index(value: Any, position: int) -> Any:
    """Read an item of a list or tuple, counted from the end if negative, or a dict's integer key."""
    if is_a(value, dict):
        # Not by looking it up: a foreign key of the same hash would be asked whether it is equal.
        found = (v for k, v in islice(dict.items(value), MOST_ITEMS) if type(k) is int and k == position)
        return next(found, MISSING)
    for kind in (list, tuple):
        if is_a(value, kind):
            size = kind.__len__(value)
            return kind.__getitem__(value, position) if -size <= position < size else MISSING
    return MISSING


def length(value: Any) -> Any:
    """Return the length of a text or a builtin collection, else MISSING."""
    exactly = _LENGTHS_OF_EXACT.get(id(type(value)))
    if exactly is not None:
        return exactly(value)
    for kind, measure in _LENGTHS.items():
        if is_a(value, kind):
            return measure(value)
    return MISSING


def truth(value: Any) -> bool:
    """Judge a value as Python would, but call no `__bool__` or `__len__`: foreign objects are true."""
    if value is True or value is False or value is MISSING:
        return value is True
    scalar = plain(value)
    if scalar is not MISSING:
        return bool(scalar)
    size = length(value)
    return size is MISSING or bool(size)


def compare(sign: str, left: Any, right: Any) -> bool:
    """Compare two values; what is missing, foreign or of unlike kinds compares as False.

    Args:
        sign: one of == != < <= > >=.
    """
    if sign == "==":
        return equal(left, right) is True
    if sign == "!=":
        return equal(left, right) is False
    left, right = plain(left), plain(right)
    if left is MISSING or right is MISSING:
        return False
    try:
        return bool(_ORDERED[sign](left, right))
    except (TypeError, ArithmeticError):
        return False


def equal(left: Any, right: Any) -> bool | None:
    """Tell whether two values are equal, as Python would; None where that cannot be told without foreign code.

    Too much to compare within 10,000 steps, or 32 deep, cannot be told either.
    """
    if left is MISSING or right is MISSING:
        return None
    a, b = plain(left), plain(right)
    if a is not MISSING and b is not MISSING:
        return bool(a == b)
    return _equal(left, right, 0, _Steps())


def is_exact(value: Any) -> bool:
    """Tell whether a value is a scalar of a builtin class itself, which compares and hashes without foreign code."""
    return id(type(value)) in EXACT


def contains(container: Any, value: Any) -> bool | None:
    """Tell whether a text holds a text, or a collection's first 1,000 items (a dict's keys) hold a value."""
    if value is MISSING or container is MISSING:
        return None
    whole = plain(container)
    if type(whole) is str:
        part = plain(value)
        return part in whole if type(part) is str else None
    found = iter(dict.keys(container)) if is_a(container, dict) else _iterate(container)
    if found is None:
        return None
    steps = _Steps()
    return any(_equal(value, item, 0, steps) is True for item in islice(found, MOST_ITEMS))


class _Steps:
    """Counts the steps of one comparison: a list of a list of … can be small and take forever to go through."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = 10 * MOST_ITEMS


def _equal(left: Any, right: Any, depth: int, steps: _Steps) -> bool | None:
    steps.left -= 1
    if left is MISSING or right is MISSING or depth >= DEEPEST or steps.left < 0:
        return None
    a, b = plain(left), plain(right)
    if a is not MISSING and b is not MISSING:
        return bool(a == b)
    kinds = _kind_of(left), _kind_of(right)
    if None in kinds:
        return None
    if kinds[0] is not kinds[1]:
        return False
    size = length(left)
    if left is right or size != length(right):
        return left is right
    if size > MOST_ITEMS:
        return None
    if kinds[0] is set:
        return _equal_sets(left, right)
    pairs = zip(items(left) or (), items(right) or (), strict=True)
    if kinds[0] is dict:
        # Looking a key up may run its code, so all of them must be builtin.
        if not all(map(is_exact, (*dict.keys(left), *dict.keys(right)))):
            return None
        pairs = ((value, dict.get(right, key, MISSING)) for key, value in dict.items(left))  # type: ignore[assignment]
        if any(key not in dict.keys(right) for key in dict.keys(left)):
            return False
    outcome: bool | None = True
    for x, y in pairs:
        answer = _equal(x, y, depth + 1, steps)
        if answer is False:
            return False
        outcome = outcome if answer else None
    return outcome


def _equal_sets(left: Any, right: Any) -> bool | None:
    members = list(_iterate(left) or ()), list(_iterate(right) or ())
    return set(members[0]) == set(members[1]) if all(map(is_exact, members[0] + members[1])) else None


def _kind_of(value: Any) -> type | None:
    """Return what a value compares as: a builtin collection, `str` for any scalar, None for a foreign object."""
    if plain(value) is not MISSING:
        return str
    if is_a(value, set) or is_a(value, frozenset):
        return set
    return next((kind for kind in (list, tuple, dict) if is_a(value, kind)), None)
