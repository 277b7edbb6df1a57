"""Paths that YAML has split at a comma or a bracket: how they are recognised, and what is said about them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import attrs

from tracing_proxies.errors import Place
from tracing_proxies.registry.nodes import MapNode, Node, ScalarNode

_ADVICE: Final = "YAML has split a path at its '{}': put the whole path in quotes, or write it in block style"
_BEFORE_BRACKET: Final = re.compile(r"[\w.!\]]\s*$")
_BEFORE_STAR: Final = re.compile(r"[\w.!\]]\[\*$")


@attrs.frozen(eq=False, repr=False)
class Split:
    """A path that was split: what to say, and where."""

    message: str
    place: Place


def split_path(children: Sequence[Node], is_map: bool) -> Split | None:
    """Look in a flow list or mapping for a path that was split at a comma.

    Args:
        children: the items, or keys and values by turns.
        is_map: whether it is a mapping.
    """
    for at, node in enumerate(children):
        if isinstance(node, ScalarNode) and node.plain and _open_brackets(node.text) and at + 1 < len(children):
            return Split(_ADVICE.format(","), node.place)
    return None


def is_unquoted_template(node: Node) -> bool:
    """Tell whether a mapping looks like a template in braces that was not quoted."""
    return isinstance(node, MapNode) and any(
        isinstance(value, ScalarNode) and value.value is None and value.lead is not None and not value.text
        for _, value in node.parts
    )


def explain_syntax(text: str, problem: str | None, line: int, column: int) -> tuple[str, str]:
    """Say what a syntax error is about.

    Args:
        text: the whole file.
        problem: what the YAML parser says.
        line: counted from 0, as the parser does.
        column: counted from 0.

    Returns:
        The code and the message.
    """
    lines = text.split("\n")
    found = lines[line] if line < len(lines) else ""
    before, character = found[:column], found[column : column + 1]
    if character in ("[", "]") and _BEFORE_BRACKET.search(before):
        return "TP106", _ADVICE.format(character)
    if _BEFORE_STAR.search(before):
        return "TP106", _ADVICE.format("[")
    if before.endswith("}") and character.strip():
        return "TP106", "a text that starts with a brace is a mapping to YAML: put the whole template in quotes"
    return "TP101", f"this is not YAML: {problem or 'unreadable'}"


def _open_brackets(text: str) -> bool:
    return text.count("(") > text.count(")")
