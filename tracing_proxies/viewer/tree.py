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


def _grow(tree: Tree, parent: str, below: dict[str | None, list[dict[str, Any]]]) -> None:
    for row in below.get(parent, ()):
        _grow(tree.add(_label(row)), row["id"], below)


def _label(row: dict[str, Any]) -> Text:
    mark, style = _LEVELS.get(row["level"], ("", ""))
    text = Text()
    if mark:
        text.append(mark + " ", style)
    text.append(row["type"], "dim")
    text.append(" ")
    text.append(row["name"], _COLOURS.get(row["type"], ""))
    text.append(f"  {(row['end_time'] - row['start_time']) / 1e6:,.1f} ms", "dim")
    if row["model"]:
        usage = row["usage_details"] or {}
        text.append(f"  {row['model']}, {usage.get('input', 0)} + {usage.get('output', 0)} tokens", "dim")
    metadata = row["metadata"] or {}
    told = metadata.get("outcome.decision") or metadata.get("outcome.recovery_action")
    if told:
        text.append(f"  → {told}", "green")
    confidence = metadata.get("outcome.confidence")
    if isinstance(confidence, (int, float)):
        text.append(f" ({confidence:.2f})", "green")
    if row["status_message"]:
        message = row["status_message"]
        text.append("  " + (message if len(message) <= _LONGEST else message[:_LONGEST] + "…"), style or "dim")
    return text
