"""Puts a wrapper in the place of a library's own method, class or function, once, and by the weaver's ledger."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from tracing_proxies.weaving.hooks import Hooks

_OURS = "_tracing_proxies_wrapper"


def replace(hooks: Hooks, owner: type | ModuleType, name: str, make: Callable[[Any], Any]) -> None:
    """Put what ``make`` makes of an entry in its place.

    Args:
        owner: the class or module that has the entry itself.
        make: wraps the entry as it is stored there.
    """
    before = vars(owner)[name]
    if _OURS not in vars(before):  # a reload of the registry installs once more
        after = make(before)
        setattr(after, _OURS, True)
        hooks.replace(owner, name, after)
