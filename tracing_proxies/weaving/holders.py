"""Exchanges one object for another within what may hold it: containers, default arguments, partials.

Only exact builtin types are touched: no code of the application runs.
"""

from __future__ import annotations

import enum
import functools
from collections import OrderedDict, defaultdict, deque
from types import FunctionType, WrapperDescriptorType
from typing import Any

from tracing_proxies.registry.fields import attributes_of, mro_of, namespace_of
from tracing_proxies.weaving.contents import items_of

MAPPINGS = (dict, defaultdict, OrderedDict)


def swap(holder: Any, before: Any, after: Any) -> bool:
    """Put ``after`` wherever a holder has ``before``.

    Args:
        holder: a dict (its values), list, set, deque, partial, or function (its tuple of defaults); else an object
            whose attributes are meant.

    Returns:
        Whether ``before`` was there.
    """
    kind = type(holder)
    if any(kind is mapping for mapping in MAPPINGS):
        return _swap_values(holder, before, after)
    if kind is set:
        if not any(item is before for item in list(holder)):
            return False
        holder.discard(before)
        holder.add(after)
        return True
    if kind is FunctionType:
        if holder.__defaults__ is not before:
            return False
        holder.__defaults__ = after
        return True
    if kind is functools.partial:
        return _swap_parts(holder, before, after)
    if kind is not list and kind is not deque:
        fields = attributes_of(holder)
        return fields is not None and _swap_values(fields, before, after)
    found = False
    for index, item in enumerate(list(holder)):
        if item is before:
            holder[index] = after
            found = True
    return found


def is_plain_key(key: Any) -> bool:
    """Tell whether storing under a key runs no code of the application: its hash and equality are C's or an enum's."""
    kind = type(key)
    if kind is tuple:
        return all(map(is_plain_key, key))
    return all(_is_plain(kind, name) for name in ("__hash__", "__eq__"))


def _is_plain(kind: type, name: str) -> bool:
    for base in mro_of(kind):
        if name in namespace_of(base):
            return base is enum.Enum or type(namespace_of(base)[name]) is WrapperDescriptorType
    return False


def _swap_values(holder: Any, before: Any, after: Any) -> bool:
    found = False
    for key, value in items_of(holder):
        if value is before and is_plain_key(key):
            holder[key] = after
            found = True
    return found


def _swap_parts(holder: Any, before: Any, after: Any) -> bool:
    # What pickle and copy use: function, arguments, keywords and attributes, each the very object.
    state = holder.__reduce__()[2]
    if not any(part is before for part in state):
        return False
    holder.__setstate__(tuple(after if part is before else part for part in state))
    return True
