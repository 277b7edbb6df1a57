"""A fold for the tests of streams, named in their rules as `tests.weaving.folds:joined`."""

from __future__ import annotations

from typing import Any


class Joined:
    """Joins the items of a stream to one text."""

    def __init__(self) -> None:
        self._items: list[str] = []

    def add(self, item: Any) -> bool:
        self._items.append(str(item))
        return False

    def value(self) -> str:
        return "".join(self._items)


def joined(instance: Any, arguments: dict[str, Any]) -> Joined:
    return Joined()
