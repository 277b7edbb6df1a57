"""Entries that are written as a name and a value each: variables of containers, headers, fields of forms, tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

VALUES: Final = {"value": ("name", "key"), "Value": ("Name", "Key")}
"""The key of such a value, and those that its name may stand under."""


def named(entry: Mapping[Any, Any], key: str) -> str:
    """Return the name of the value that stands under a key, empty where it has none.

    Args:
        entry: such as ``{"name": "DB_PASSWORD", "value": "..."}``.
        key: one of ``VALUES``.
    """
    for beside in VALUES[key]:
        name = entry.get(beside)
        if type(name) is str and name:
            return name
    return ""
