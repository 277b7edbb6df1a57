"""Draws one trace as a tree in the terminal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from rich.text import Text
from rich.tree import Tree

_COLOURS = {
    "agent": "bold magenta",
    "tool": "cyan",
    "generation": "yellow",
    "chain": "bold",
    "event": "dim",
    "retriever": "blue",
}
_LEVELS = {"ERROR": ("✗", "bold red"), "WARNING": ("!", "yellow")}
_LONGEST = 60


def draw_trace(observations: Sequence[dict[str, Any]]) -> Tree | None:
    """Draw a trace; legible without colour.

    Args:
        observations: rows of the local store, JSON decoded, in the order of their starts.

    Returns:
        The tree; None for an empty trace.
    """
    known = {row["id"] for row in observations}
    below: dict[str | None, list[dict[str, Any]]] = defaultdict(list)
    for row in observations:
        parent = row["parent_observation_id"]
        below[parent if parent in known else None].append(row)
    roots = below[None]
    if not roots:
        return None
    tree = Tree(_label(roots[0]), guide_style="dim")
    _grow(tree, roots[0]["id"], below)
    for other in roots[1:]:
        _grow(tree.add(_label(other)), other["id"], below)
    return tree


def plain(text: str) -> str:
    """Take what would steer a terminal out of a text that somebody else has written."""
    return "".join(character if character.isprintable() or character == "\n" else "?" for character in text)


def _grow(tree: Tree, parent: str, below: dict[str | None, list[dict[str, Any]]]) -> None:
    grown = [(tree, parent)]
    while grown:  # not by recursion: a trace may be as deep as it likes
        branch, identity = grown.pop()
        grown += [(branch.add(_label(row)), row["id"]) for row in below.pop(identity, ())]


def _label(row: dict[str, Any]) -> Text:
    mark, style = _LEVELS.get(row["level"], ("", ""))
    text = Text()
    if mark:
        text.append(mark + " ", style)
    text.append(_line(row["type"]), "dim")
    text.append(" ")
    text.append(_line(row["name"]), _COLOURS.get(row["type"], ""))
    text.append(f"  {(row['end_time'] - row['start_time']) / 1e6:,.1f} ms", "dim")
    if row["model"]:
        usage = row["usage_details"] or {}
        text.append(f"  {_line(row['model'])}, {usage.get('input', 0)} + {usage.get('output', 0)} tokens", "dim")
    metadata = row["metadata"] or {}
    told = metadata.get("outcome.decision") or metadata.get("outcome.recovery_action")
    if told:
        text.append(f"  → {_line(str(told))}", "green")
    confidence = metadata.get("outcome.confidence")
    if isinstance(confidence, (int, float)):
        text.append(f" ({confidence:.2f})", "green")
    if row["status_message"]:
        text.append("  " + _line(row["status_message"]), style or "dim")
    return text


def _line(text: str) -> str:
    told = plain(text).replace("\n", " ")
    return told if len(told) <= _LONGEST else told[:_LONGEST] + "…"
