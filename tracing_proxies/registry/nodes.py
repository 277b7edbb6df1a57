"""The tree of a YAML file: scalars, lists and mappings, each with its place."""

from __future__ import annotations

import re
from typing import Final

import attrs

from tracing_proxies.errors import Place

Scalar = str | int | float | bool | None

_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,60}|0o[0-7]{1,60}|0x[0-9a-fA-F]{1,60}")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]{1,60}|[0-9]{1,60}(?:\.[0-9]{0,60})?)(?:[eE][-+]?[0-9]{1,3})?")
_WORDS: Final[dict[str, Scalar]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
}


@attrs.frozen(eq=False, repr=False)
class ScalarNode:
    """A scalar.

    Args:
        plain: whether it stands without quotes, so that it may be a number, a truth value or null.
        lead: how many columns the text starts after the place; None where text and source differ.
        variables: the variables of the environment whose values are in the text.
    """

    text: str
    place: Place
    plain: bool = True
    lead: int | None = None
    variables: tuple[str, ...] = ()

    @property
    def value(self) -> Scalar:
        """The value by YAML 1.2's core schema: `on`, `off`, `yes`, `no` and `12:30` are text."""
        return core_value(self.text) if self.plain else self.text

    def at(self, offset: int) -> Place:
        """Return the place of a character of the text, as near as it is known."""
        if self.lead is None or not self.place.line:
            return self.place
        return Place(self.place.file, self.place.line, self.place.column + self.lead + offset)


@attrs.frozen(eq=False, repr=False)
class ListNode:
    """A sequence of nodes."""

    parts: tuple[Node, ...]
    place: Place


@attrs.frozen(eq=False, repr=False)
class MapNode:
    """A mapping, its keys unlike each other."""

    parts: tuple[tuple[ScalarNode, Node], ...]
    place: Place

    def get(self, name: str) -> Node | None:
        """Return the node under a key, None if there is none."""
        return next((node for key, node in self.parts if key.text == name), None)


@attrs.frozen(eq=False, repr=False)
class BrokenNode:
    """Stands where something could not be read; the problem has been reported already."""

    place: Place


Node = ScalarNode | ListNode | MapNode | BrokenNode


def core_value(text: str) -> Scalar:
    """Resolve a plain scalar by YAML 1.2's core schema."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text, 0) if text[:2] in ("0x", "0o") else int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def describe(node: Node) -> str:
    """Say in two or three words what a node is, for messages."""
    if isinstance(node, MapNode):
        return "a mapping"
    if isinstance(node, ListNode):
        return "a list"
    if isinstance(node, BrokenNode) or node.value is None:
        return "nothing"
    return repr(node.text if len(node.text) <= 60 else node.text[:60] + "…")
