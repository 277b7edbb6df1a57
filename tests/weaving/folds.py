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


class Chosen(Joined):
    """The same, of the dicts that have a key which is wanted, and of all that is no dict."""

    wanted = ("text", "more")


def chosen(instance: Any, arguments: dict[str, Any]) -> Chosen:
    return Chosen()


def joined(instance: Any, arguments: dict[str, Any]) -> Joined:
    return Joined()
