"""Bounded snapshots of arguments and results, taken without ever calling the application's code.

Exact builtin types are copied, dataclasses, attrs classes, pydantic models, named tuples and enums are read by their
fields, and everything else becomes its type's name: a property may do I/O, a ``__repr__`` may raise or be huge.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping
from typing import Any

from tracing_proxies.compiled import hot
from tracing_proxies.failures import contain
from tracing_proxies.recording import copying
from tracing_proxies.recording.copying import DEFAULT_LIMITS, ENUM, INT64, TEXTUAL, Copy, Limits, integer, learned
from tracing_proxies.registry.fields import type_name


def take_snapshot(value: Any, limits: Limits = DEFAULT_LIMITS) -> Any:
    """Copy a value into bounded, plain builtins.

    Args:
        value: anything; it is not changed, not iterated if it is an iterator, and not kept.
        limits: bounds of the copy.

    Returns:
        None, bool, int, float, str, list or dict with text keys. What was left out is marked in place: ``<cycle>``,
        ``<depth>``, ``<5 more>``, ``<3,000 more characters>``, ``<module.Type>``.
    """
    kind = type(value)
    if kind is str and len(value) <= limits.max_bytes:
        return value
    if kind is int or kind is bool or value is None or kind is float:
        return value if kind is not int else integer(value)
    if kind is dict and look_flat(value, limits):
        return value.copy()
    known = learned.get(id(kind))
    if known is not None and known[0]() is kind and type(known[1]) is str:
        return known[1]
    try:
        return Copy(limits).take(value, 0)
    except Exception as exc:
        contain("capture", exc)
        return f"<{type_name(kind)}>"


def copy_flatly(values: tuple[Any, ...], limits: Limits) -> tuple[Any, ...] | None:
    """Copy arguments that are short texts, small numbers and objects of unknown types: most calls have no others.

    Returns:
        The very tuple where nothing in it has to be replaced; None where something has to be copied item by item.
    """
    left = limits.max_bytes
    replaced: list[Any] | None = None
    at = 0
    for item in values:
        kind = type(item)
        if kind is str:
            left -= len(item)
        elif kind is int:
            if not -INT64 <= item < INT64:
                return None
        elif kind is not float and kind is not bool and item is not None:
            known = learned.get(id(kind))
            if known is None or type(known[1]) is not str or known[0]() is not kind:
                return None
            if replaced is None:
                replaced = list(values)
            replaced[at] = known[1]
        at += 1
    if left < 0 or at > limits.max_items:
        return None
    return values if replaced is None else tuple(replaced)


def look_flat(value: Mapping[Any, Any], limits: Limits) -> bool:
    """Tell whether a dict holds only short texts and small numbers: most do, and are copied at once (0.3 us, not 3)."""
    if len(value) > limits.max_items:
        return False
    left = limits.max_bytes
    try:
        for key, item in value.items():
            kind = type(item)
            if type(key) is not str:
                return False
            if kind is str:
                left -= len(item)
            elif kind is int:
                if not -INT64 <= item < INT64:
                    return False
            elif kind is not float and kind is not bool and item is not None:
                return False
    except RuntimeError:  # changed by another thread meanwhile: the careful way
        return False
    return left >= 0


snapshot, flat_copy, is_flat = take_snapshot, copy_flatly, look_flat

if hot is not None:
    snapshot, flat_copy, is_flat = hot.snapshot, hot.flat_copy, hot.is_flat
    hot.bind_capture(
        {
            "Limits": Limits,
            "default_limits": DEFAULT_LIMITS,
            "learned": learned,
            "textual": TEXTUAL,
            "enumeration": ENUM,
            "take_snapshot": take_snapshot,
            "left_out": copying.LEFT_OUT,
            "too_deep": copying.TOO_DEEP,
            "cycle": copying.CYCLE,
            "cut_text": copying.cut_text,
            "note_rest": copying.note_rest,
            "copy_part": copying.copy_part,
            "name_key": copying.name_key,
            "defaultdict": defaultdict,
            "deque": deque,
        }
    )
