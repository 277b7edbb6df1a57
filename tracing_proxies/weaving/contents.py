"""Reads dicts that other threads may change meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import TypeVar

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def items_of(entries: Mapping[_Key, _Value]) -> list[tuple[_Key, _Value]]:
    """List what a dict holds, as of one moment.

    Before Python 3.12 the garbage collector may run while the pairs are made, and with it another thread that adds
    to the dict. A copy would compare keys, and with them run the application's code.
    """
    while True:
        try:
            return list(entries.items())
        except RuntimeError:
            continue


def holds_any(entries: Mapping[_Key, _Value], ids: Set[int]) -> bool:
    """Tell whether a dict holds any of some objects, by identity; no loop of Python's looks at each."""
    while True:
        try:
            return not ids.isdisjoint(map(id, entries.values()))
        except RuntimeError:
            continue
